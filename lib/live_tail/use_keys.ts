/** The keyboard. */

import { useEffect } from "preact/hooks";
import { type Command, commandOf, type KeyPlace } from "./keys.ts";
import type { LiveTail } from "./model.ts";

/** Listens to the keys of the whole page. */
export function useKeys(tail: LiveTail): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const command = commandOf(event, placeOf(event.target));
      if (command !== null && run(tail, command, event)) event.preventDefault();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** Whether the key was ours, and the browser's own answer to it is not wanted. */
function run(tail: LiveTail, command: Command, event: KeyboardEvent): boolean {
  switch (command) {
    case "search":
      element<HTMLInputElement>("search")?.select();
      return true;
    case "pause":
      tail.pause(!tail.paused.peek());
      return true;
    case "live":
      tail.goLive();
      return true;
    case "first":
      tail.follow(false);
      scroller()?.scrollTo({ top: 0 });
      return true;
    case "pageUp":
      return page(-1);
    case "pageDown":
      return page(1);
    case "wrap":
      tail.rows.show({ wrap: !tail.rows.display.peek().wrap });
      return true;
    case "lines":
      return onSelected(tail, (key) => tail.unfold(key, "lines"));
    case "repeats":
      return onSelected(tail, (key) => tail.unfold(key, "repeats"));
    case "time":
      tail.asksTime.value = true;
      return true;
    case "export":
      tail.exports.value = true;
      return true;
    case "help":
      tail.help.value = !tail.help.peek();
      return true;
    case "next":
      return step(tail, 1);
    case "previous":
      return step(tail, -1);
    case "open":
      return openSelected(tail);
    case "close":
      return close(tail, event);
  }
}

/** Closes the topmost thing that is open; in a field, leaves the field. */
function close(tail: LiveTail, event: KeyboardEvent): boolean {
  if (tail.help.peek()) tail.help.value = false;
  // A dialog closes by itself.
  else if (event.target instanceof Element && event.target.closest("dialog[open]")) return false;
  else if (placeOf(event.target) === "field") (event.target as HTMLElement).blur();
  else if (tail.details.peek() !== null) {
    tail.close();
    element("rows")?.focus({ preventScroll: true });
  } else return false;
  return true;
}

/** Marks the row before or after the marked one; without any, the newest. Open details go along. */
export function step(tail: LiveTail, by: 1 | -1): boolean {
  const rows = tail.rows.shown.peek().map(({ entry }) => entry);
  const at = rows.findIndex((entry) => entry.key === tail.selected.peek());
  let next = at < 0 ? rows.length - 1 : at + by;
  while (rows[next]?.kind === "note") next += at < 0 ? -1 : by;
  const entry = rows[next];
  if (!entry) return true;
  tail.follow(false);
  tail.select(entry);
  const row = document.getElementById(`row-${entry.key}`);
  // One that is not drawn comes into view with the next rendering.
  if (row) row.scrollIntoView({ block: "nearest" });
  else tail.reveal.value = entry.key;
  if (tail.details.peek() !== null && entry.kind === "log") tail.open(entry.log.id);
  return true;
}

function onSelected(tail: LiveTail, run: (key: string) => void): boolean {
  const key = tail.selected.peek();
  if (key !== null) run(key);
  return key !== null;
}

function openSelected(tail: LiveTail): boolean {
  const entry = tail.list.peek().rows.find(({ key }) => key === tail.selected.peek());
  if (entry?.kind === "log") tail.open(entry.log.id);
  else if (entry?.kind === "gap") tail.fill(entry.key);
  else if (entry?.kind === "later") tail.loadLater(true);
  else return false;
  return true;
}

/** The page itself does not scroll: wherever the focus is, these keys mean the list. */
function page(by: 1 | -1): boolean {
  scroller()?.scrollBy({ top: by * (scroller()?.clientHeight ?? 0) * 0.9 });
  return true;
}

function scroller(): HTMLElement | null {
  return element("rows")?.parentElement ?? null;
}

/** Elements that keys lead to carry a name in `data-key`. */
function element<E extends HTMLElement>(name: string): E | null {
  return document.querySelector<E>(`[data-key="${name}"]`);
}

function placeOf(target: EventTarget | null): KeyPlace {
  if (!(target instanceof HTMLElement)) return "page";
  if (target.isContentEditable || target.matches("input, textarea, select")) return "field";
  return target.closest("button, a, summary") ? "control" : "page";
}
