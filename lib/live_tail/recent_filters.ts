/** The filters that a reader used last, kept in the browser. */

import type { Memory } from "./row_view.ts";

/** How many are kept, and how long one may be, in characters. */
const [MOST, MOST_LENGTH] = [8, 500];

/** The filters, the last one first. Forgiving: what another version or a person left there is nothing. */
export function readRecent(memory: Memory): readonly string[] {
  try {
    const kept: unknown = JSON.parse(memory.read() ?? "[]");
    if (!Array.isArray(kept)) return [];
    return kept.filter((text) => typeof text === "string").slice(0, MOST);
  } catch {
    return [];
  }
}

/** Keeps a filter that was used. */
export function keepRecent(memory: Memory, text: string): void {
  const filter = text.trim();
  if (filter === "" || filter.length > MOST_LENGTH) return;
  const others = readRecent(memory).filter((other) => other !== filter);
  memory.write(JSON.stringify([filter, ...others].slice(0, MOST)));
}
