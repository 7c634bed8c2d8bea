import { useEffect, useRef, useState } from "preact/hooks";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { displayClass } from "../lib/live_tail/display.ts";
import { useFollow } from "../lib/live_tail/use_follow.ts";
import { ColumnNames } from "./ColumnNames.tsx";
import { EarlierLogs } from "./EarlierLogs.tsx";
import { EmptyState } from "./EmptyState.tsx";
import { LogRow } from "./LogRow.tsx";
import { NewLogsPill } from "./NewLogsPill.tsx";
import { PlaceBar } from "./PlaceBar.tsx";
import { type PickedValue, ValueMenu } from "./ValueMenu.tsx";

/** The rows, newest at the bottom. */
export function LogList(
  { tail, origin, takesToken }: { tail: LiveTail; origin: string; takesToken: boolean },
) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = tail.rows.shown.value;
  const display = tail.rows.display.value;
  const unfolded = tail.rows.unfolded.value;
  const selected = tail.selected.value;
  const { start, end, above, below } = useFollow(tail, scroller);
  const drawn = rows.slice(start, end);
  const marked = selected !== null && drawn.some(({ entry }) => entry.key === selected);
  useTicks(tail, display.clock === "relative");
  const [picked, setPicked] = useState<PickedValue | null>(null);
  // A row may move between press and release when logs pour in: what was pressed is what is meant.
  const pressed = useRef<string | null>(null);
  const mark = tail.filter.mark.value;
  const columns = tail.filter.columns.value;
  return (
    <div class="list">
      <div
        ref={scroller}
        class={`log ${displayClass(display)} columns-${columns.length}`}
        role="log"
        aria-live="off"
        aria-label="Live logs"
        onPointerDown={(event) => pressed.current = rowIdAt(event.target)}
        onClick={(event) => {
          const gap = event.target instanceof Element
            ? event.target.closest<HTMLElement>("[data-gap]")?.dataset.gap
            : undefined;
          if (gap !== undefined) return tail.fill(gap);
          if (event.target instanceof Element && event.target.closest("[data-later]")) {
            return tail.loadLater(
              true,
            );
          }
          if (toggled(tail, event.target)) return;
          const value = pickedAt(event);
          if (value !== null) return setPicked(value);
          const id = pressed.current ?? rowIdAt(event.target);
          pressed.current = null;
          // Whoever selects text in a row does not mean to open it.
          if (id === null || getSelection()?.isCollapsed === false) return;
          tail.selected.value = id;
          tail.open(Number(id));
        }}
      >
        {rows.length === 0 ? <EmptyState tail={tail} origin={origin} takesToken={takesToken} /> : (
          <>
            <ColumnNames tail={tail} />
            <EarlierLogs tail={tail} />
            <div class="rows-away" style={{ height: `${above}px` }} />
            <ol
              class="rows"
              role="listbox"
              aria-label="Logs, newest last"
              tabIndex={0}
              data-key="rows"
              {...(marked ? { "aria-activedescendant": `row-${selected}` } : {})}
            >
              {drawn.map((shown) => (
                <LogRow
                  key={shown.entry.key}
                  shown={shown}
                  selected={shown.entry.key === selected}
                  display={display}
                  unfolded={unfolded.has(shown.entry.key)}
                  mark={mark}
                  columns={columns}
                  now={tail.rows.now}
                />
              ))}
            </ol>
            <div class="rows-away" style={{ height: `${below}px` }} />
          </>
        )}
      </div>
      {picked !== null && (
        <ValueMenu
          tail={tail}
          picked={picked}
          close={(byKey) => {
            setPicked(null);
            if (byKey) scroller.current?.querySelector<HTMLElement>(".rows")?.focus({ preventScroll: true });
          }}
        />
      )}
      <PlaceBar tail={tail} />
      <NewLogsPill tail={tail} />
    </div>
  );
}

/** Lets relative times go on while they are shown. */
function useTicks(tail: LiveTail, running: boolean): void {
  useEffect(() => {
    if (!running) return;
    tail.tick();
    const timer = setInterval(() => tail.tick(), 1000);
    return () => clearInterval(timer);
  }, [running]);
}

/** Folds or unfolds what the mark at `target` stands for. */
function toggled(tail: LiveTail, target: EventTarget | null): boolean {
  const mark = target instanceof Element ? target.closest<HTMLElement>("[data-toggle]") : null;
  const id = rowIdAt(mark);
  if (mark === null || id === null) return false;
  tail.unfold(id, mark.dataset.toggle === "repeats" ? "repeats" : "lines");
  return true;
}

/** The level, service or metadata that was clicked on. */
function pickedAt(
  { target, currentTarget }: { target: EventTarget | null; currentTarget: Element },
): PickedValue | null {
  const cell = target instanceof Element
    ? target.closest<HTMLElement>("[data-level], [data-service], [data-field]")
    : null;
  if (cell === null || getSelection()?.isCollapsed === false) return null;
  const [from, list] = [cell.getBoundingClientRect(), currentTarget.getBoundingClientRect()];
  const place = { x: from.left - list.left, above: from.top - list.top, below: from.bottom - list.top };
  const { level, service, field, value = "" } = cell.dataset;
  if (level !== undefined) return { ...place, key: "level", value: level };
  return field === undefined
    ? { ...place, key: "service", value: service ?? "" }
    : { ...place, key: `meta.${field}`, value };
}

function rowIdAt(target: EventTarget | null): string | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-id]")?.dataset.id ?? null : null;
}
