/** What stands in the list: logs, gaps and remarks of the page itself. Pure. */

import { FILTER_BOUNDS } from "../filter.ts";
import type { Log } from "../log.ts";
import type { Gap } from "../sse.ts";

/** One row of the list. `key` is unique among the rows of a page. */
export type Entry = LogEntry | GapEntry | NoteEntry | LaterEntry;

/** A log. */
export interface LogEntry {
  readonly kind: "log";
  readonly key: string;
  readonly log: Log;
}

/** Logs that are not shown: the server could not send them, or the page held more than it may keep. */
export interface GapEntry {
  readonly kind: "gap";
  readonly key: string;
  readonly gap: Gap;
  readonly cause: "stream" | "held";
  /** Where its logs are being fetched, or why that failed. */
  readonly fetch?: "running" | { readonly problem: string };
}

/** Something that the reader must know about the rows around it. */
export interface NoteEntry {
  readonly kind: "note";
  readonly key: string;
  readonly text: string;
}

/** What follows the rows above it, which are of another time than those below it, and is not fetched yet. There is one at most. */
export interface LaterEntry {
  readonly kind: "later";
  readonly key: "later";
  readonly fetch?: GapEntry["fetch"];
}

/** How many logs, and how many of them are errors. */
export interface Tally {
  readonly logs: number;
  readonly errors: number;
}

/** The tally of nothing. */
export const NO_TALLY: Tally = { logs: 0, errors: 0 };

/** The most characters of a message that a row keeps: servers send previews of 1,000, a trigger may be told otherwise. */
export const MOST_MESSAGE = 4000;

/** The most characters of a service that a row keeps: no filter takes more. */
export const MOST_SERVICE = FILTER_BOUNDS.serviceLength;

/** The most characters of all entries of a list together: 10,000 previews as servers send them, and some. */
export const MOST_CHARACTERS = 16_000_000;

/** About as many characters of memory as an entry takes. */
export function weight(entry: Entry): number {
  if (entry.kind !== "log") return 200;
  const { message, service, fields = {} } = entry.log;
  return Object.values(fields).reduce(
    (sum, text) => sum + text.length,
    200 + message.length + service.length,
  );
}

/** How many of the newest entries have room, in rows and in characters; one at least. */
export function fitting(entries: readonly Entry[], cap: number, characters = MOST_CHARACTERS): number {
  let count = 0;
  for (let room = characters; count < Math.min(cap, entries.length); count++) {
    const entry = entries[entries.length - 1 - count];
    if (entry) room -= weight(entry);
    if (room < 0 && count > 0) break;
  }
  return count;
}

/** The row of a log. What it keeps is bounded, so that a bound on rows is one on memory; the details fetch the whole. */
export function logEntry(log: Log): LogEntry {
  return { kind: "log", key: String(log.id), log: cut(log) };
}

function cut(log: Log): Log {
  if (log.message.length <= MOST_MESSAGE && log.service.length <= MOST_SERVICE) return log;
  const service = log.service.slice(0, MOST_SERVICE);
  if (log.message.length <= MOST_MESSAGE) return { ...log, service };
  return { ...log, service, message: log.message.slice(0, MOST_MESSAGE), truncated: true };
}

/** Whether a row counts as an error: level error or fatal. */
export function isError(entry: Entry): boolean {
  return entry.kind === "log" && (entry.log.level === "error" || entry.log.level === "fatal");
}

/** Whether a row stands for logs that never came. */
export function isTorn(entry: Entry): entry is GapEntry {
  return entry.kind === "gap" && entry.cause === "stream";
}

/** The gap that a gap of the stream grows to when the rows after it go; `null` as long as none has gone. */
export function tear(torn: Gap | null, entry: Entry): Gap | null {
  return torn !== null || isTorn(entry) ? widenGap(torn, entry) : null;
}

/** Counts the logs among `entries`. */
export function tally(entries: readonly Entry[]): Tally {
  let logs = 0;
  let errors = 0;
  for (const entry of entries) {
    if (entry.kind === "log") logs++;
    if (isError(entry)) errors++;
  }
  return { logs, errors };
}

/** The sum of two tallies. */
export function addTally(a: Tally, b: Tally): Tally {
  return { logs: a.logs + b.logs, errors: a.errors + b.errors };
}

/** The gap that also covers `entry`; notes and what comes later cover nothing. */
export function widenGap(gap: Gap | null, entry: Entry): Gap | null {
  if (entry.kind === "note" || entry.kind === "later") return gap;
  if (entry.kind === "gap") return joinGaps(gap, entry.gap);
  const { timestamp } = entry.log;
  return joinGaps(gap, { missed: 1, from: timestamp, to: timestamp });
}

/** The gap that covers both; `null` covers nothing. Timestamps in ISO 8601 with milliseconds compare as text. */
export function joinGaps(a: Gap | null, b: Gap | null): Gap | null {
  if (a === null || b === null) return a ?? b;
  return {
    missed: a.missed + b.missed,
    from: a.from < b.from ? a.from : b.from,
    to: a.to > b.to ? a.to : b.to,
  };
}
