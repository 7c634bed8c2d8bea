/** Logs that follow each other and say the same, as one row. Pure. */

import type { Entry } from "./entries.ts";

/** A row that is drawn. */
export interface Shown {
  /** The first of what it stands for. */
  readonly entry: Entry;
  /** How many equal logs begin here; 1 for everything else. */
  readonly count: number;
  /** When the last of them was. */
  readonly until: string;
  /** Whether the others are not drawn. */
  readonly isFolded: boolean;
}

/** Every entry as a row of its own. */
export function unfoldedRows(rows: readonly Entry[]): readonly Shown[] {
  return rows.map(alone);
}

/** Equal logs as one row each, but for those of which one is `spread` (by key). */
export function foldRepeats(rows: readonly Entry[], spread: ReadonlySet<string>): readonly Shown[] {
  const shown: Shown[] = [];
  for (let from = 0; from < rows.length;) {
    const entry = rows[from];
    if (!entry) break;
    let to = from + 1;
    while (to < rows.length && isRepeat(entry, rows[to])) to++;
    const others = rows.slice(from + 1, to);
    const last = others.at(-1);
    if (last?.kind !== "log") shown.push(alone(entry));
    else {
      const isFolded = !spread.has(entry.key) && !others.some(({ key }) => spread.has(key));
      shown.push({ entry, count: to - from, until: last.log.timestamp, isFolded });
      if (!isFolded) shown.push(...others.map(alone));
    }
    from = to;
  }
  return shown;
}

/** How many entries the first rows stand for. */
export function entriesIn(shown: readonly Shown[], rows: number): number {
  let sum = 0;
  for (let i = 0; i < Math.min(rows, shown.length); i++) sum += shown[i]?.isFolded ? shown[i]?.count ?? 1 : 1;
  return sum;
}

/** The keys of the logs that are one row with `key`, or would be. */
export function repeatsOf(rows: readonly Entry[], key: string): readonly string[] {
  const at = rows.findIndex((entry) => entry.key === key);
  const entry = rows[at];
  if (!entry) return [];
  let [from, to] = [at, at + 1];
  while (from > 0 && isRepeat(entry, rows[from - 1])) from--;
  while (to < rows.length && isRepeat(entry, rows[to])) to++;
  return rows.slice(from, to).map(({ key }) => key);
}

function alone(entry: Entry): Shown {
  return { entry, count: 1, until: "", isFolded: false };
}

function isRepeat(a: Entry, b: Entry | undefined): boolean {
  // Previews that are alike may go on differently.
  return a.kind === "log" && b?.kind === "log" && a.log.message === b.log.message &&
    a.log.level === b.log.level && a.log.service === b.log.service && !a.log.truncated && !b.log.truncated;
}
