import { useLayoutEffect, useRef } from "preact/hooks";
import { visibleText } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { levelChoices, valueChoices } from "../lib/live_tail/value_choices.ts";
import { levelsOf } from "../lib/live_tail/view.ts";
import { parseLevel } from "../lib/log.ts";

/** A value in a row, and where it stood in the list when it was picked, in pixels from the list's corner. */
export interface PickedValue {
  readonly x: number;
  readonly above: number;
  readonly below: number;
  /** `level`, `service`, or `meta.` and a path. */
  readonly key: string;
  readonly value: string;
}

/** What can be asked for by a value of a row. */
export function ValueMenu(
  { tail, picked, close }: { tail: LiveTail; picked: PickedValue; close: (byKey: boolean) => void },
) {
  const menu = useRef<HTMLDivElement>(null);
  // Below the value, or above it where there is no room below; narrow lists have none at its right either.
  useLayoutEffect(() => {
    const list = menu.current?.parentElement;
    if (!menu.current || !list) return;
    const { offsetWidth, offsetHeight, style } = menu.current;
    const y = picked.below + offsetHeight <= list.clientHeight ? picked.below : picked.above - offsetHeight;
    style.left = `${Math.max(0, Math.min(picked.x, list.clientWidth - offsetWidth))}px`;
    style.top = `${Math.max(0, y)}px`;
  }, [picked]);
  useLayoutEffect(() => {
    menu.current?.querySelector("button")?.focus();
    const onPress = ({ target }: PointerEvent) => {
      if (target instanceof Node && !menu.current?.contains(target)) close(false);
    };
    addEventListener("pointerdown", onPress);
    return () => removeEventListener("pointerdown", onPress);
  }, [picked]);
  const { filter } = tail;
  const text = filter.text.value;
  const level = picked.key === "level" ? parseLevel(picked.value) : undefined;
  const choices = level
    ? levelChoices(text, levelsOf(filter.params.value), level)
    : valueChoices(text, picked.key, picked.value);
  return (
    <div
      ref={menu}
      class="menu value-menu"
      role="group"
      aria-label={`Filter by ${picked.key} ${visibleText(picked.value)}`}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        close(true);
      }}
      onFocusOut={({ relatedTarget }) => {
        if (relatedTarget instanceof Node && !menu.current?.contains(relatedTarget)) close(false);
      }}
    >
      {choices.map(({ label, text }) => (
        <button
          key={label}
          type="button"
          class="menu-item"
          onClick={() => {
            filter.set(text);
            close(true);
          }}
        >
          {visibleText(label)}
        </button>
      ))}
    </div>
  );
}
