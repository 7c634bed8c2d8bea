import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { visibleText } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { type Choice, levelChoices, serviceChoices } from "../lib/live_tail/value_choices.ts";
import type { Level } from "../lib/log.ts";

/** A value in a row, and where it stood in the list when it was picked, in pixels from the list's corner. */
export type PickedValue =
  & { readonly x: number; readonly above: number; readonly below: number }
  & ({ readonly kind: "level"; readonly value: Level } | {
    readonly kind: "service";
    readonly value: string;
  });

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
  useEffect(() => {
    menu.current?.querySelector("button")?.focus();
    const onPress = ({ target }: PointerEvent) => {
      if (target instanceof Node && !menu.current?.contains(target)) close(false);
    };
    addEventListener("pointerdown", onPress);
    return () => removeEventListener("pointerdown", onPress);
  }, [picked]);
  const view = tail.view.value;
  const choices: readonly Choice[] = picked.kind === "level"
    ? levelChoices(view, picked.value)
    : serviceChoices(view, picked.value);
  return (
    <div
      ref={menu}
      class="menu value-menu"
      role="group"
      aria-label={`Filter by ${picked.kind} ${visibleText(picked.value)}`}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        close(true);
      }}
      onFocusOut={({ relatedTarget }) => {
        if (relatedTarget instanceof Node && !menu.current?.contains(relatedTarget)) close(false);
      }}
    >
      {choices.map(({ label, view }) => (
        <button
          key={label}
          type="button"
          class="menu-item"
          onClick={() => {
            tail.edit(view);
            close(true);
          }}
        >
          {visibleText(label)}
        </button>
      ))}
    </div>
  );
}
