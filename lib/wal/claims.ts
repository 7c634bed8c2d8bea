/**
 * The cursor of who was handed on what logical decoding tells: the WAL has the order of commits, and no snapshots. It is made of the
 * snapshot with which the slot began, and of every transaction that was handed on since. Pure.
 */

import { type Cursor, formatCursor, isVisible, lowest, shorten } from "../cursor.ts";

/** Ids at most that may be between two transactions without being known to have ended. */
const MOST_LISTED = 10_000;

/** See the module's comment. */
export class Claims {
  /** Transactions below that are not claimed: they run, or nothing is known of them. */
  readonly #open: Set<bigint>;
  #xmax: bigint;
  /** What has ended in it is not to be waited for any more. */
  #ended: Cursor;

  /** Claims what the slot's own snapshot shows. */
  constructor(snapshot: Cursor) {
    this.#open = new Set(snapshot.xip);
    this.#xmax = snapshot.xmax;
    this.#ended = { xmin: 3n, xmax: 3n, xip: [] };
  }

  /** The cursor, which may claim less where it would be long. */
  get cursor(): string {
    const xip = [...this.#open].sort((a, b) => a < b ? -1 : 1);
    return formatCursor(shorten({ xmin: lowest({ xmax: this.#xmax, xip }), xmax: this.#xmax, xip }));
  }

  /** A transaction was handed on. `waiting`: those that were told of, and not handed on yet. */
  add(xid: bigint, waiting: ReadonlySet<bigint>): void {
    if (xid < this.#xmax) return void this.#open.delete(xid);
    const from = this.#xmax > this.#ended.xmax ? this.#xmax : this.#ended.xmax;
    // Nothing is wrong with a cursor that does not claim it.
    if (xid - from > MOST_LISTED) return;
    for (const one of this.#ended.xip) if (one >= this.#xmax && one < xid) this.#open.add(one);
    for (let between = from; between < xid; between++) this.#open.add(between);
    for (const one of waiting) if (one < xid) this.#open.add(one);
    this.#xmax = xid + 1n;
  }

  /**
   * All that was committed before this snapshot was taken has been told of: what has ended in it and is not `waiting` was handed
   * on, or has no logs.
   */
  settle(snapshot: Cursor, waiting: ReadonlySet<bigint>): void {
    this.#ended = snapshot;
    for (const xid of this.#open) if (isVisible(xid, snapshot) && !waiting.has(xid)) this.#open.delete(xid);
  }
}
