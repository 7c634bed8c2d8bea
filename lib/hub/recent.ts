/** The recent past of one organization, kept in memory under a bound. Pure. */

import { xmaxOf } from "../cursor.ts";
import { foldOnce } from "../match.ts";
import type { TakenLog } from "./read_back.ts";

/** One log of the recent past. */
export interface RecentLog extends TakenLog {
  /** The framed log, written once for all viewers. */
  readonly text: string;
}

/** One that is to be handed on; `folded` is its message as {@link foldOnce} tells it, for all filters. */
export interface FlushedLog {
  readonly recent: RecentLog;
  readonly folded: () => string;
}

/** Where a cursor was marked. */
interface Mark {
  readonly position: number;
  readonly xmax: bigint;
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
  /** Grows as it fills: there may be many organizations with few logs. */
  readonly #ring: ({ readonly recent: RecentLog; readonly cursor: string | null } | undefined)[] = [];
  readonly #cursors = new Map<string, Mark>();
  /** Goes on for ever, behind {@link #oldest}. A new iterator would pass by all that was deleted, each time. */
  readonly #inOrder = this.#cursors.entries();
  #oldest: [string, Mark] | undefined;
  #xmax = 0n;
  /** The xmax of the last catch-up. */
  #caughtUp = 0n;
  /** The newest cursor that was marked. */
  #marked: string | null = null;
  #first = 0;
  #next = 0;
  #bytes = 0;
  #previewOnly = -1;

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds;
  }

  /** The oldest position still kept. */
  get first(): number {
    return this.#first;
  }

  /** The position of the next log to come. */
  get next(): number {
    return this.#next;
  }

  /** The newest position that holds a preview without its whole message, which filters on text cannot decide; -1: none. */
  get previewOnly(): number {
    return this.#previewOnly;
  }

  /** Adds a log, giving up the oldest ones while over a bound. */
  push(log: RecentLog): void {
    if (this.#next - this.#first === this.#bounds.logs) this.#shift();
    this.#ring[this.#next % this.#bounds.logs] = { recent: log, cursor: this.#marked };
    if (log.whole.truncated) this.#previewOnly = this.#next;
    this.#next++;
    this.#bytes += weight(log);
    while (this.#bytes > this.#bounds.bytes && this.#first < this.#next - 1) this.#shift();
  }

  /** The log at a position, `undefined` where it was given up or has not come. */
  at(position: number): RecentLog | undefined {
    return this.#at(position)?.recent;
  }

  /** The logs from a position on, up to another. */
  between(from: number, to: number): FlushedLog[] {
    const logs: FlushedLog[] = [];
    for (let position = from; position < to; position++) {
      const recent = this.at(position);
      if (recent) logs.push({ recent, folded: foldOnce(recent.whole) });
    }
    return logs;
  }

  /** A cursor that is true for whoever was sent everything before a position at which there is a log. */
  cursorBefore(position: number): string | null {
    return this.#at(position)?.cursor ?? null;
  }

  /**
   * Notes that everything visible in `cursor` came before the next position. To be said before the logs of the payload that
   * carries it are added: whoever holds the same snapshot from elsewhere (a fetch) has not seen those logs.
   *
   * That is not so for a snapshot which was asked for: logs of transactions that it has not seen may have come since. None may be
   * written as those that are announced are (see `askedCursor`).
   *
   * A snapshot may come again, hours later even, from a transaction that took it then. Only its first position is true for
   * all who hold it, so those of the newest xmax are remembered after their logs were given up, and older ones are not taken.
   */
  mark(cursor: string): void {
    const xmax = xmaxOf(cursor);
    // One that may be from before the last catch-up: what that brought may have committed after it was announced.
    if (xmax < this.#xmax || xmax <= this.#caughtUp || this.#cursors.has(cursor)) return;
    const newer = xmax > this.#xmax;
    this.#xmax = xmax;
    while (this.#cursors.size > 0) {
      const oldest = this.#oldest ??= this.#inOrder.next().value;
      if (!oldest) break;
      const [text, { position, xmax }] = oldest;
      if (xmax === this.#xmax || (position >= this.#first && this.#cursors.size < this.#bounds.logs)) break;
      this.#cursors.delete(text);
      this.#oldest = undefined;
    }
    // Where the newest alone are too many no more of them are taken.
    if (newer || this.#cursors.size < this.#bounds.logs) {
      this.#marked = cursor;
      this.#cursors.set(cursor, { position: this.#next, xmax });
    }
  }

  /** The same for the cursor of a catch-up, all of whose logs were added. */
  markCaughtUp(cursor: string): void {
    this.#caughtUp = 0n;
    this.mark(cursor);
    this.#caughtUp = xmaxOf(cursor);
  }

  /** Where to go on for whoever holds `cursor`; `null` where memory does not reach back so far. */
  positionAfter(cursor: string): number | null {
    const position = this.#cursors.get(cursor)?.position;
    return position !== undefined && position >= this.#first ? position : null;
  }

  /** Forgets every cursor that was marked: they may claim too much. */
  forgetCursors(): void {
    this.#cursors.clear();
    this.#oldest = undefined;
    this.#marked = null;
    this.#xmax = this.#caughtUp = 0n;
    for (const [i, entry] of this.#ring.entries()) {
      if (entry) this.#ring[i] = { recent: entry.recent, cursor: null };
    }
  }

  /** Gives up everything: what comes next does not follow on what is here. */
  clear(): void {
    while (this.#first < this.#next) this.#shift();
    // A position that nothing has: those of the cursors that were marked so far are all given up with it.
    this.#first = ++this.#next;
  }

  #at(position: number) {
    return position >= this.#first && position < this.#next
      ? this.#ring[position % this.#bounds.logs]
      : undefined;
  }

  #shift(): void {
    const index = this.#first % this.#bounds.logs;
    const entry = this.#ring[index];
    if (entry) this.#bytes -= weight(entry.recent);
    this.#ring[index] = undefined;
    this.#first++;
  }
}

/** Ids seen lately and their positions, in a bounded set that forgets the oldest. */
export class RecentIds {
  readonly #positions = new Map<number, number>();
  /** Goes from the oldest on, for ever. A new iterator would pass by all that was deleted, each time. */
  readonly #oldest = this.#positions.keys();
  constructor(readonly bound: number) {}

  /** Adds an id; `false` when it was here already. */
  add(id: number, position: number): boolean {
    if (this.#positions.has(id)) return false;
    this.#positions.set(id, position);
    if (this.#positions.size > this.bound) this.#positions.delete(this.#oldest.next().value ?? id);
    return true;
  }

  /** Whether an id was seen lately. */
  has(id: number): boolean {
    return this.#positions.has(id);
  }

  /** The ids before a position, oldest first. */
  before(position: number): number[] {
    return Array.from(this.#positions).flatMap(([id, at]) => at < position ? id : []);
  }
}

/** Bytes that a log holds in memory, roughly: strings are counted as two bytes a character. */
export function weight(log: RecentLog): number {
  const texts = log.text.length + log.log.message.length + log.log.service.length;
  const whole = log.whole === log.log ? 0 : log.whole.message.length;
  // As objects, metadata takes a few times of what it takes as text.
  return 2 * (texts + whole + 4 * (log.metadataSize ?? 0)) + 200;
}
