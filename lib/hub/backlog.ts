/** What was fetched for viewers and not written to them yet, under a bound for all of them together. */

import { cursorUpTo, formatCursor, parseCursor } from "../cursor.ts";
import { encodeCursor, encodeEvent, encodeLog } from "../sse.ts";
import type { Fetched } from "./ports.ts";

/** Bytes that may wait for all viewers together. Over it those that have waited the longest are given up, and fetched again. */
export const MOST_BACKLOG = 64 * 1024 * 1024;

/** The size of the chunks in which fetched logs are written. */
const CHUNK = 64 * 1024;

const encoder = new TextEncoder();

/** One fetch, ready to be written. Shared by all viewers that asked the same at the same time. */
export interface Backlog {
  readonly chunks: readonly BacklogChunk[];
  readonly bytes: number;
  /** See {@link Fetched.started}. */
  readonly started: string;
  /** Ids in `chunks` that come once more among the recent past: they are to be left out there. */
  readonly again: ReadonlySet<number>;
  /** Whether it is only a part: the rest is to be fetched from the cursor at its end. */
  readonly partial: boolean;
}

/** A piece of a backlog. */
export interface BacklogChunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Stands at the end of `bytes`: true for whoever was written all up to here. `null` where no cursor is. */
  readonly cursor: string | null;
  /** How many there are in it. */
  readonly logs: number;
}

/**
 * Frames what was fetched: the gap, the logs, and the cursor at the end. The logs of a catch-up from the cursor `since` stand in
 * the order of their transactions; they get cursors on the way too, so that nobody who is cut off begins again.
 */
export function encodeBacklog(
  fetched: Fetched,
  { since = null, again = new Set() }: {
    readonly since?: string | null;
    readonly again?: ReadonlySet<number>;
  },
): Backlog {
  const chunks: BacklogChunk[] = [];
  let size = 0;
  let counted = 0;
  const add = (text: string, cursor: string | null, upTo: number) => {
    const bytes = encoder.encode(cursor === null ? text : text + encodeCursor(cursor));
    size += bytes.byteLength;
    chunks.push({ bytes, cursor, logs: upTo - counted });
    counted = upTo;
  };
  const span = since === null ? null : { since: parseCursor(since), until: parseCursor(fetched.cursor) };
  const logs = [...fetched.head, ...fetched.logs];
  let text = "";
  for (const [i, { log, xid }] of logs.entries()) {
    if (i === fetched.head.length && fetched.gap) text += encodeEvent({ event: "gap", data: fetched.gap });
    text += encodeLog(log);
    const next = logs[i + 1];
    if (text.length < CHUNK || !next) continue;
    // There is no cursor in the midst of a transaction, nor right before a gap, which may hold more of it.
    add(
      text,
      span && next.xid !== xid && i + 1 !== fetched.head.length ? formatCursor(cursorUpTo(xid, span)) : null,
      i + 1,
    );
    text = "";
  }
  add(text, fetched.cursor, logs.length);
  return { chunks, bytes: size, started: fetched.started, again, partial: fetched.partial ?? false };
}

/** Whoever holds a backlog. */
export interface BacklogHolder {
  /** Gives its backlog up; what it has not written of it must be fetched again. */
  dropBacklog(): void;
}

/** All backlogs that are held. */
export class Backlogs {
  /** In the order in which they were fetched. */
  readonly #holders = new Map<Backlog, Set<BacklogHolder>>();
  #bytes = 0;

  constructor(readonly bound: number) {}

  /** Bytes held. A backlog counts once, however many hold it. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes that `holder` holds `backlog`. When that is too much, the oldest ones are given up. */
  take(backlog: Backlog, holder: BacklogHolder): void {
    const holders = this.#holders.get(backlog);
    if (holders) {
      holders.add(holder);
      return;
    }
    this.#holders.set(backlog, new Set([holder]));
    this.#bytes += backlog.bytes;
    for (const [oldest, holders] of this.#holders) {
      if (this.#bytes <= this.bound || oldest === backlog) return;
      for (const other of holders) other.dropBacklog();
    }
  }

  /** Notes that `holder` does not hold `backlog` any more. */
  release(backlog: Backlog, holder: BacklogHolder): void {
    const holders = this.#holders.get(backlog);
    if (!holders?.delete(holder) || holders.size > 0) return;
    this.#holders.delete(backlog);
    this.#bytes -= backlog.bytes;
  }
}
