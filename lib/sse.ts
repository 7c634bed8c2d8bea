/**
 * Server-Sent Events framing (HTML standard, section 9.2). Pure. JSON never holds a raw CR, LF or NUL, so no text of a
 * log can end its line: everything that goes through {@link encodeEvent} is JSON.
 */

import type { Log } from "./log.ts";

/** What the server says on a stream besides logs. */
export type StreamEvent =
  | {
    readonly event: "ready";
    readonly data: DatabaseStatus & { organizationId: number; cursor: string | null };
  }
  | { readonly event: "status"; readonly data: DatabaseStatus }
  | { readonly event: "gap"; readonly data: Gap };

/** Whether logs can come through at the moment. */
export type DatabaseState = "connected" | "reconnecting";

/** What is wrong with a database that answers, for programs and for people: what it is, and what to do about it. */
export interface DatabaseProblem {
  readonly code: string;
  readonly message: string;
}

/** What viewers are told of the database. */
export interface DatabaseStatus {
  readonly database: DatabaseState;
  /** Absent while all is well. */
  readonly problem?: DatabaseProblem;
}

/** Both as one. */
export function databaseStatus(database: DatabaseState, problem: DatabaseProblem | null): DatabaseStatus {
  return problem === null ? { database } : { database, problem };
}

/** Logs that a viewer will not be sent: how many, and the times of the first and the last. */
export interface Gap {
  readonly missed: number;
  readonly from: string;
  readonly to: string;
}

/** The first bytes of every stream: the browser's reconnect time and a comment that makes proxies pass it on. */
export function encodeOpening(retryMilliseconds: number): string {
  return `retry: ${retryMilliseconds}\n: connected\n\n`;
}

/** Another reconnect time, for whoever is about to lose the stream. */
export function encodeRetry(milliseconds: number): string {
  return `retry: ${milliseconds}\n\n`;
}

/** A named event. */
export function encodeEvent({ event, data }: StreamEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** One log, as an unnamed `message` event. */
export function encodeLog(log: Log): string {
  return `data: ${JSON.stringify(log)}\n\n`;
}

/** A block of its own that moves the browser's last event id and dispatches nothing. */
export function encodeCursor(cursor: string): string {
  return `id: ${cursor}\n\n`;
}

/** Keeps idle connections open and lets clients notice dead ones. */
export const HEARTBEAT = ": heartbeat\n\n";
