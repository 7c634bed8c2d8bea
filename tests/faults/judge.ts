/** Compares what a viewer was told with what the table holds. Pure. */

import type { ConfirmedGap, Ledger } from "./ledger.ts";

/** A row of the table that belongs to a viewer: of its organization and its filter. */
export interface OwnRow {
  readonly id: number;
  /** The number that its message begins with. */
  readonly n: number;
  /** The transaction that wrote it. */
  readonly xid: number;
  /** Whether the viewer has to know of it: it committed after the viewer was told that it is ready, and before its end. */
  readonly isExpected: boolean;
}

/** What is wrong with one viewer; all empty where nothing is. */
export interface Verdict {
  /** Ids that should have come, and that no gap announced. */
  readonly missing: readonly number[];
  /** Ids that were shown twice. */
  readonly repeated: readonly number[];
  /** Ids that are no logs of the viewer, or came with the message of another one. */
  readonly foreign: readonly number[];
  /** By how many logs the gaps were wrong, all together. */
  readonly unannounced: number;
  /** Those gaps, and how many rows there are between their cursors. */
  readonly wrongGaps: readonly {
    readonly gap: ConfirmedGap;
    readonly between: number;
    readonly error: number;
  }[];
}

/**
 * How far the count of a gap is off. It counts all rows of the viewer between the cursors around it that do not follow on it. Of
 * those that the viewer has from before it leaves out what the server can know of, and may count the others. So it is with what
 * the viewer was never promised: the cursor with which it began may be older than its beginning.
 */
export function gapError(
  { missed, sent, had }: ConfirmedGap,
  /** The viewer's rows between the cursors around the gap. */
  window: readonly Pick<OwnRow, "id" | "isExpected">[],
): number {
  const most = window.filter(({ id }) => !sent.has(id));
  const least = most.filter(({ id, isExpected }) => isExpected && !had.has(id)).length;
  return Math.max(0, least - missed, missed - most.length);
}

/** Reads a snapshot (PostgreSQL manual 9.27.8): whether it sees a transaction. */
export function sees(snapshot: string): (xid: number) => boolean {
  const [, xmax = "", xip = ""] = snapshot.split(":");
  const running = new Set(xip === "" ? [] : xip.split(",").map(Number));
  return (xid) => xid < Number(xmax) && !running.has(xid);
}

/** Whether a snapshot sees every transaction that another one sees. */
export function covers(snapshot: string, other: string): boolean {
  const [, xmax = "", xip = ""] = snapshot.split(":");
  const isSeen = sees(other);
  const hidden = xip === "" ? [] : xip.split(",").map(Number);
  for (let xid = Number(xmax); xid < Number(other.split(":")[1]); xid++) if (isSeen(xid)) return false;
  return !hidden.some(isSeen);
}

/** Judges one viewer by the rows that are its own. */
export function judge(
  rows: readonly OwnRow[],
  ledger: Pick<Ledger, "logs" | "gaps" | "repeated">,
): Verdict {
  const own = new Map(rows.map((row) => [row.id, row]));
  const foreign = [...ledger.logs].filter(([id, n]) => own.get(id)?.n !== n).map(([id]) => id);
  const announced = new Set<number>();
  const wrongGaps: { gap: ConfirmedGap; between: number; error: number }[] = [];
  for (const gap of ledger.gaps) {
    const [before, after] = [sees(gap.since), sees(gap.cursor)];
    const window = rows.filter(({ xid }) => !before(xid) && after(xid));
    for (const { id } of window) announced.add(id);
    const error = gapError(gap, window);
    if (error > 0) wrongGaps.push({ gap, between: window.length, error });
  }
  const missing = rows.filter(({ id, isExpected }) =>
    isExpected && !ledger.logs.has(id) && !announced.has(id)
  )
    .map(({ id }) => id);
  const unannounced = wrongGaps.reduce((sum, { error }) => sum + error, 0);
  return { missing, repeated: ledger.repeated, foreign, unannounced, wrongGaps };
}

/** Whether nothing is wrong. */
export function isClean({ missing, repeated, foreign, unannounced }: Verdict): boolean {
  return missing.length + repeated.length + foreign.length + unannounced === 0;
}
