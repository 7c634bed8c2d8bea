/**
 * The list of a live tail as a reducer: at most `cap` rows stand in it, {@link LIST_CAP} unless told otherwise, and as many
 * wait; fewer where they are so long that they would take too much memory. Pure.
 *
 * While the reader follows, new rows push old ones out at the top. While the reader reads further up, rows are added
 * below as long as that costs only rows above the viewport; the rest waits. While the list is paused everything waits.
 * What waits is bounded too: the oldest go over into a gap that is counted and, later, shown as a row.
 */

import type { Gap } from "../sse.ts";
import {
  addTally,
  type Entry,
  fitting,
  type GapEntry,
  isTorn,
  joinGaps,
  MOST_CHARACTERS,
  NO_TALLY,
  type Tally,
  tally,
  tear,
  weight,
  widenGap,
} from "./entries.ts";

/** The most rows that stand in the list, until a reader chooses another number. */
export const LIST_CAP = 500;

/** The rows, and what waits to become rows. */
export interface TailList {
  /** What is shown, oldest first. */
  readonly rows: readonly Entry[];
  /** What comes after the rows once the reader returns, oldest first; one less than the cap at most. */
  readonly waiting: readonly Entry[];
  /** What stood before `waiting` and did not fit. */
  readonly overflow: Gap | null;
  /** All that arrived since the reader stopped following, whether in `rows`, in `waiting` or over the bound. */
  readonly fresh: Tally;
}

/** What the reader does. `above` is how many rows stand wholly above the viewport. */
export type Stance =
  | { readonly kind: "follow" }
  | { readonly kind: "read"; readonly above: number }
  | { readonly kind: "pause" };

/** What arrived between two frames. */
export interface Batch {
  readonly entries: readonly Entry[];
  /** What arrived before `entries` and was over the bound of the buffer. */
  readonly overflow: Overflow | null;
}

/** Entries of which only a count is left. */
export interface Overflow {
  readonly gap: Gap | null;
  /** From the first gap of the stream among them on; `null` without one. */
  readonly torn: Gap | null;
  readonly tally: Tally;
}

/** A list without rows. */
export const EMPTY_LIST: TailList = { rows: [], waiting: [], overflow: null, fresh: NO_TALLY };

/** A batch of nothing: {@link receive} with it lets waiting rows in where there is room by now. */
export const EMPTY_BATCH: Batch = { entries: [], overflow: null };

/** Takes a batch into the list, as far as the reader's stance lets it. */
export function receive(list: TailList, batch: Batch, stance: Stance, cap = LIST_CAP): TailList {
  if (stance.kind === "follow") {
    const pending = [...marker(list), ...list.waiting, ...lost(list, batch), ...batch.entries];
    if (pending.length === 0 && list.fresh.logs === 0) return list;
    const rows = newest([...liveRows(list), ...pending], cap);
    return { rows, waiting: [], overflow: null, fresh: NO_TALLY };
  }
  if (batch === EMPTY_BATCH && list.waiting.length === 0) return list;

  const fresh = addTally(addTally(list.fresh, tally(batch.entries)), batch.overflow?.tally ?? NO_TALLY);
  // A buffer that ran over holds a whole list's worth: whatever waited before it can never be shown.
  const held = batch.overflow
    ? { waiting: batch.entries, overflow: joinGaps(cover(list.overflow, list.waiting), batch.overflow.gap) }
    : { waiting: [...list.waiting, ...batch.entries], overflow: list.overflow };

  const admitted = stance.kind === "read"
    ? admissible(list.rows, [...marker(held), ...held.waiting], { cap, above: stance.above })
    : [];
  const rows = admitted.length > 0 ? newest([...list.rows, ...admitted], cap) : list.rows;
  const rest = admitted.length === 0 ? held : {
    waiting: held.waiting.slice(admitted.length - marker(held).length),
    overflow: null,
  };

  const surplus = rest.waiting.length - fitting(rest.waiting, cap - 1);
  return {
    rows,
    waiting: surplus > 0 ? rest.waiting.slice(surplus) : rest.waiting,
    overflow: cover(rest.overflow, rest.waiting.slice(0, surplus)),
    fresh,
  };
}

/** Back to the newest row: all that waited comes in. */
export function resume(list: TailList, cap = LIST_CAP): TailList {
  return receive(list, EMPTY_BATCH, { kind: "follow" }, cap);
}

/** The list after its cap was lowered: the oldest rows go. */
export function shorten(list: TailList, cap: number): TailList {
  const rows = newest(list.rows, cap);
  return rows === list.rows ? list : { ...list, rows };
}

/** The rows without those of another time above them. */
export function liveRows({ rows }: TailList): readonly Entry[] {
  const at = rows.findIndex(({ kind }) => kind === "later");
  return at < 0 ? rows : rows.slice(at + 1);
}

/** Takes an entry out. */
export function without(list: TailList, key: string): TailList {
  const others = (entries: readonly Entry[]) => entries.filter((entry) => entry.key !== key);
  return { ...list, rows: others(list.rows), waiting: others(list.waiting) };
}

/** What waited and did not fit, as the row that says so. */
function marker(held: Pick<TailList, "waiting" | "overflow">): GapEntry[] {
  if (held.overflow === null) return [];
  return [{ kind: "gap", key: `held-${held.waiting[0]?.key ?? "all"}`, gap: held.overflow, cause: "held" }];
}

/** What a full buffer lost, as a row where a gap of the stream has to stay. */
function lost({ rows }: TailList, { overflow, entries }: Batch): GapEntry[] {
  const gap = rows.some(isTorn) ? overflow?.gap : overflow?.torn;
  return gap ? [{ kind: "gap", key: `lost-${entries[0]?.key ?? "all"}`, gap, cause: "stream" }] : [];
}

/** What may come in while rows go only above the viewport. */
function admissible(
  rows: readonly Entry[],
  waiting: readonly Entry[],
  { cap, above }: { cap: number; above: number },
): readonly Entry[] {
  const kept = rows.slice(expendable(rows, above));
  let room = MOST_CHARACTERS - kept.reduce((sum, entry) => sum + weight(entry), 0);
  const first = waiting.slice(0, Math.max(0, cap - kept.length));
  const end = first.findIndex((entry) => (room -= weight(entry)) < 0);
  return end < 0 ? first : first.slice(0, end);
}

/** How many of the rows above the viewport may go: what they leave behind may need one of their places. */
function expendable(rows: readonly Entry[], above: number): number {
  const over = rows.slice(0, above);
  return Math.max(0, over.length - (over.some(isTorn) ? 1 : 0));
}

function cover(gap: Gap | null, entries: readonly Entry[]): Gap | null {
  return entries.reduce(widenGap, gap);
}

/** The newest rows. A gap of the stream does not go with the rows above it: it stays on top, and those after it count to it. */
function newest(entries: readonly Entry[], cap: number): readonly Entry[] {
  const most = fitting(entries, cap);
  if (entries.length <= most) return entries;
  const gone = entries.slice(0, entries.length - most + 1);
  const gap = gone.reduce(tear, null);
  const torn = gone.find(isTorn);
  if (!torn || gap === null) return entries.slice(entries.length - most);
  return [{ ...torn, gap }, ...entries.slice(gone.length)];
}
