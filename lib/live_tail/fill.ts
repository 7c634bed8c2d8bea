/** History comes into the list a page at a time: before the first row, and into gaps, the newest of their logs first. Pure. */

import type { Log } from "../log.ts";
import { type Entry, fitting, type GapEntry, logEntry } from "./entries.ts";
import { LIST_CAP, type TailList } from "./list.ts";

/** The most logs that one click fetches. */
export const FILL = 250;

/** The most rows that history may make of the list; each costs the browser memory and time. */
export const MOST_ROWS = 20 * LIST_CAP;

/** Whether there is room for no more rows. */
export function isFull(rows: readonly Entry[]): boolean {
  return rows.length >= MOST_ROWS || fitting(rows, rows.length) < rows.length;
}

/** Ids hardly rise from one commit to the next, but not strictly: the bounds look at so many rows. */
const NEIGHBOURS = 50;

/** Which ids may be in a gap: both bounds are exclusive, `null` is none. */
export interface IdRange {
  readonly before: number | null;
  readonly after: number | null;
}

/** What was found of a gap. */
export interface Found {
  /** In the order that was asked for, newest first otherwise; none that the list has. */
  readonly logs: readonly Log[];
  /** There are no further ones. */
  readonly isAll: boolean;
}

/** Whether a gap can be filled: there is room for more rows, and nothing under way. */
export function canFill({ rows }: TailList, entry: GapEntry): boolean {
  return entry.fetch !== "running" && !isFull(rows);
}

/** Where the logs of a gap lie; `null` when it is no longer in the list. */
export function rangeOf({ rows }: TailList, key: string): IdRange | null {
  const at = rows.findIndex((entry) => entry.key === key);
  if (at < 0) return null;
  const below = idsOf(rows.slice(at + 1)).slice(0, NEIGHBOURS);
  const above = idsOf(rows.slice(0, at));
  return {
    before: below.length > 0 ? Math.max(...below) + 1 : null,
    after: above.length > 0 ? Math.min(...above) - 1 : null,
  };
}

/** Where the logs before the first row lie; `null` where that is a gap, which comes first. */
export function rangeBefore({ rows }: TailList): IdRange | null {
  const gap = rows.findIndex(({ kind }) => kind === "gap" || kind === "later");
  const below = idsOf(gap < 0 ? rows : rows.slice(0, gap)).slice(0, NEIGHBOURS);
  return below.length > 0 ? { before: Math.max(...below) + 1, after: null } : null;
}

/** Where the logs between two parts of a list lie. */
export function laterRange(above: readonly Entry[], below: readonly Entry[]): IdRange {
  const [before, after] = [idsOf(below).slice(0, NEIGHBOURS), idsOf(above).slice(-NEIGHBOURS)];
  return {
    before: before.length > 0 ? Math.max(...before) + 1 : null,
    after: after.length > 0 ? Math.max(...after) : null,
  };
}

/** Puts what was found before the first row. */
export function prepend(list: TailList, { logs }: Found): TailList {
  return { ...list, rows: [...logs.toReversed().map(logEntry), ...list.rows] };
}

/** The ids that stand in a list or wait for it. */
export function idsIn({ rows, waiting }: TailList): Set<number> {
  return new Set([...idsOf(rows), ...idsOf(waiting)]);
}

/** Marks a gap. */
export function mark(list: TailList, key: string, fetch: NonNullable<GapEntry["fetch"]>): TailList {
  return replace(list, key, (entry) => [{ ...entry, fetch }]);
}

/** Puts what was found below its gap, which shrinks by it. */
export function fill(list: TailList, key: string, { logs, isAll }: Found): TailList {
  return replace(list, key, ({ fetch: _, ...entry }) => {
    const missed = entry.gap.missed - logs.length;
    const filled = logs.toReversed().map(logEntry);
    if (missed <= 0) return filled;
    const to = logs.at(-1)?.timestamp ?? entry.gap.to;
    if (!isAll) return [{ ...entry, gap: { ...entry.gap, missed, to } }, ...filled];
    const text = `${missed.toLocaleString("en")} more are no longer in the database`;
    return [{ kind: "note", key: `${key}-rest`, text }, ...filled];
  });
}

function replace(list: TailList, key: string, by: (entry: GapEntry) => readonly Entry[]): TailList {
  const rows = list.rows.flatMap((entry) => entry.key === key && entry.kind === "gap" ? by(entry) : entry);
  return { ...list, rows };
}

function idsOf(entries: readonly Entry[]): number[] {
  return entries.flatMap((entry) => entry.kind === "log" ? entry.log.id : []);
}
