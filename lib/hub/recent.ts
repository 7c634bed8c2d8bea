/** The recent past of one organization, kept in memory under a bound. Pure. */

import type { Log } from "../log.ts";

/** One log of the recent past. */
export interface RecentLog {
  readonly log: Log;
  /** The log with its whole message, for filters on text; the same object as `log` where that is not a preview. */
  readonly whole: Log;
  /** The framed log, written once for all viewers. */
  readonly text: string;
}

/** How much of the recent past is kept: whichever bound is reached first. */
export interface RecentBounds {
  readonly logs: number;
  readonly bytes: number;
}

/**
 * A ring of logs in the order of their arrival. Each has a position that never changes; positions below `first` have been
 * given up. Positions of the cursors that held meanwhile are kept too: whoever holds such a cursor was sent everything
 * before its position.
 */
export class RecentLogs {
  readonly #bounds: RecentBounds;
  readonly #ring: (RecentLog | undefined)[];
  readonly #cursors = new Map<string, number>();
  #first = 0;
  #next = 0;
  #bytes = 0;

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds;
    this.#ring = new Array(bounds.logs);
  }

  /** The oldest position still kept. */
  get first(): number {
    return this.#first;
  }

  /** The position of the next log to come. */
  get next(): number {
    return this.#next;
  }

  /** Adds a log, giving up the oldest ones while over a bound. */
  push(log: RecentLog): void {
    if (this.#next - this.#first === this.#bounds.logs) this.#shift();
    this.#ring[this.#next % this.#bounds.logs] = log;
    this.#next++;
    this.#bytes += weight(log);
    while (this.#bytes > this.#bounds.bytes && this.#first < this.#next - 1) this.#shift();
  }

  /** The log at a position, `undefined` where it was given up or has not come. */
  at(position: number): RecentLog | undefined {
    return position >= this.#first && position < this.#next
      ? this.#ring[position % this.#bounds.logs]
      : undefined;
  }

  /** Notes that `cursor` holds from here on: everything visible in it came before the next position. */
  mark(cursor: string): void {
    if (this.#cursors.has(cursor)) return;
    this.#cursors.set(cursor, this.#next);
    for (const [oldest, position] of this.#cursors) {
      if (position >= this.#first && this.#cursors.size <= this.#bounds.logs) break;
      this.#cursors.delete(oldest);
    }
  }

  /** Where to go on for whoever holds `cursor`; `null` where memory does not reach back so far. */
  positionAfter(cursor: string): number | null {
    const position = this.#cursors.get(cursor);
    return position !== undefined && position >= this.#first ? position : null;
  }

  /** Gives up everything: what comes next does not follow on what is here. */
  clear(): void {
    while (this.#first < this.#next) this.#shift();
    this.#cursors.clear();
  }

  #shift(): void {
    const index = this.#first % this.#bounds.logs;
    const log = this.#ring[index];
    if (log) this.#bytes -= weight(log);
    this.#ring[index] = undefined;
    this.#first++;
  }
}

/** Ids seen lately, in a bounded set that forgets the oldest. */
export class RecentIds {
  readonly #ids = new Set<number>();
  constructor(readonly bound: number) {}

  /** Adds an id; `false` when it was here already. */
  add(id: number): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.bound) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** Whether an id was seen lately. */
  has(id: number): boolean {
    return this.#ids.has(id);
  }
}

/** Bytes that a log holds in memory, roughly: strings are counted as two bytes a character. */
export function weight(log: RecentLog): number {
  const texts = log.text.length + log.log.message.length;
  return 2 * (log.whole === log.log ? texts : texts + log.whole.message.length) + 200;
}
