/** What one viewer was told, kept as a good client keeps it. Pure. */

import { createRecentIds } from "../../lib/live_tail/recent_ids.ts";

/** What a stream says, in its order. `n` is the number that a log's message begins with. */
export type Said =
  | { readonly kind: "log"; readonly id: number; readonly n: number }
  | { readonly kind: "cursor"; readonly cursor: string }
  | { readonly kind: "gap"; readonly missed: number }
  | { readonly kind: "ready"; readonly database: string; readonly cursor: string | null }
  | { readonly kind: "status"; readonly database: string };

/** A gap that a cursor has confirmed. */
export interface ConfirmedGap {
  readonly missed: number;
  /** The client's cursors before and after: the gap is about what only the second one sees. */
  readonly since: string;
  readonly cursor: string;
  /** What came between it and its cursor. */
  readonly sent: ReadonlySet<number>;
  /** What had come before. */
  readonly had: ReadonlySet<number>;
}

/** The books of one viewer. */
export class Ledger {
  /** The number of each log by its id, in the order in which they came. */
  readonly logs = new Map<number, number>();
  readonly gaps: ConfirmedGap[] = [];
  /** Logs shown twice, which the client's own memory did not prevent. */
  readonly repeated: number[] = [];
  /** Logs that came twice and were dropped by the client, as they should be. */
  overlap = 0;
  /** The newest cursor, null before the first. */
  cursor: string | null = null;
  /** The last state that it was told, null while it has no stream. */
  database: string | null = null;
  /** The greatest number of a message. */
  newest = 0;
  #recent = createRecentIds();
  /** The count of a gap that no cursor has confirmed. */
  #pending: number | null = null;
  /** What came since. */
  #sent = new Set<number>();

  /** Another stream begins. A gap that no cursor has confirmed is told again. */
  connected(): void {
    this.#pending = null;
    this.#sent = new Set();
    this.database = null;
  }

  /** The stream is over. */
  disconnected(): void {
    this.database = null;
  }

  /** Whether a gap waits for its cursor. */
  get isWaiting(): boolean {
    return this.#pending !== null;
  }

  /** Takes down what was said. */
  hear(said: Said): void {
    switch (said.kind) {
      case "log":
        return this.#log(said.id, said.n);
      case "cursor":
        return this.#moved(said.cursor);
      case "gap":
        // One in place of another: what was being sent was given up, and all of it is fetched again.
        this.#pending = said.missed;
        this.#sent = new Set();
        return;
      case "ready":
        this.database = said.database;
        if (said.cursor === null) return;
        // After a resume the older one stands until an id comes.
        this.cursor ??= said.cursor;
        return;
      case "status":
        this.database = said.database;
    }
  }

  #log(id: number, n: number): void {
    this.#sent.add(id);
    if (!this.#recent.add(id)) this.overlap++;
    else if (this.logs.has(id)) this.repeated.push(id);
    else {
      this.logs.set(id, n);
      this.newest = Math.max(this.newest, n);
    }
  }

  #moved(cursor: string): void {
    if (this.#pending !== null) {
      const since = this.cursor ?? cursor;
      const had = new Set([...this.logs.keys()].filter((id) => !this.#sent.has(id)));
      this.gaps.push({ missed: this.#pending, since, cursor, sent: this.#sent, had });
      this.#pending = null;
      this.#sent = new Set();
    }
    this.cursor = cursor;
  }
}
