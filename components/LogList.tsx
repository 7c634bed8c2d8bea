import { useRef } from "preact/hooks";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { useFollow } from "../lib/live_tail/use_follow.ts";
import { parsePattern } from "../lib/filter.ts";
import { EarlierLogs } from "./EarlierLogs.tsx";
import { EmptyState } from "./EmptyState.tsx";
import { LogRow } from "./LogRow.tsx";
import { NewLogsPill } from "./NewLogsPill.tsx";

/** The rows, newest at the bottom. */
export function LogList(
  { tail, origin, takesToken }: { tail: LiveTail; origin: string; takesToken: boolean },
) {
  const scroller = useRef<HTMLDivElement>(null);
  const { rows } = tail.list.value;
  const wrap = tail.wrap.value;
  const selected = tail.selected.value;
  const marked = selected !== null && rows.some(({ key }) => key === selected);
  useFollow(tail, scroller);
  // A row may move between press and release when logs pour in: what was pressed is what is meant.
  const pressed = useRef<string | null>(null);
  const needle = needleOf(tail.view.value.q);
  return (
    <div class="list">
      <div
        ref={scroller}
        class={wrap ? "log wrap" : "log"}
        role="log"
        aria-live="off"
        aria-label="Live logs"
        onPointerDown={(event) => pressed.current = rowIdAt(event.target)}
        onClick={(event) => {
          const gap = event.target instanceof Element
            ? event.target.closest<HTMLElement>("[data-gap]")?.dataset.gap
            : undefined;
          if (gap !== undefined) return tail.fill(gap);
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
            <EarlierLogs tail={tail} />
            <ol
              class="rows"
              role="listbox"
              aria-label="Logs, newest last"
              tabIndex={0}
              data-key="rows"
              {...(marked ? { "aria-activedescendant": `row-${selected}` } : {})}
            >
              {rows.map((entry) => (
                <LogRow
                  key={entry.key}
                  entry={entry}
                  selected={entry.key === selected}
                  wrap={wrap}
                  needle={needle}
                />
              ))}
            </ol>
          </>
        )}
      </div>
      <NewLogsPill tail={tail} />
    </div>
  );
}

/** The text to mark. A regular expression is not marked: it would run in this page without the server's time bound. */
function needleOf(q: string): string {
  if (q === "" || q.length > 1000) return "";
  const pattern = parsePattern("q", q);
  return pattern.kind === "text" ? pattern.text : "";
}

function rowIdAt(target: EventTarget | null): string | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-id]")?.dataset.id ?? null : null;
}
