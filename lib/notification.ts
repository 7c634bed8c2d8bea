/** What the trigger says on `logs_<organization_id>`: channel names and payloads. Pure. */

import { CursorError, parseCursor } from "./cursor.ts";
import type { WholeMessage } from "./hub/ports.ts";
import { type Log, parseLevel } from "./log.ts";

/** One parsed payload, or what another source tells in its place. */
export interface Notification {
  /** The snapshot in which the INSERT ran: a true cursor for whoever was sent all before this payload. */
  readonly cursor: string;
  /** In the order of insertion. */
  readonly logs: readonly NotifiedLog[];
  /** Set where the transaction inserted more than payloads carry: the rest is for catch-up. */
  readonly more: boolean;
}

/** A log, the id alone of one that fits no payload and has to be read back, or one of which all is known. */
export type NotifiedLog = Log | { readonly id: number } | DecodedLog;

/** A log that came whole, with its metadata. */
export interface DecodedLog {
  readonly id: number;
  readonly decoded: WholeMessage;
}

/** A payload that the trigger did not write: anybody who may connect to the database may NOTIFY. */
export class NotificationError extends Error {
  override readonly name = "NotificationError";
}

/** The channel of an organization. */
export function channelOf(organizationId: number): string {
  if (!Number.isSafeInteger(organizationId) || organizationId < 1) {
    throw new RangeError(`Not an organization: ${organizationId}`);
  }
  return `logs_${organizationId}`;
}

/** The organization of a channel, `null` for channels that are not ours. */
export function organizationOf(channel: string): number | null {
  const digits = /^logs_([1-9][0-9]{0,15})$/u.exec(channel)?.[1];
  return digits !== undefined && Number.isSafeInteger(Number(digits)) ? Number(digits) : null;
}

/**
 * Reads one payload.
 *
 * @throws {NotificationError} when it is not of the trigger's shape
 */
export function parseNotification(payload: string): Notification {
  try {
    const value: unknown = JSON.parse(payload);
    if (!isRecord(value) || typeof value.s !== "string") throw new NotificationError("no snapshot");
    parseCursor(value.s);
    if (value.more === true) return { cursor: value.s, logs: [], more: true };
    if (!Array.isArray(value.logs)) throw new NotificationError("no logs");
    return { cursor: value.s, logs: value.logs.map(notifiedLog), more: false };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof CursorError || error instanceof NotificationError) {
      throw new NotificationError(`Not a notification of logs: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function notifiedLog(value: unknown): NotifiedLog {
  if (!isRecord(value) || !Number.isSafeInteger(value.id)) throw new NotificationError("a log has no id");
  const { id, timestamp, level, service, message } = value;
  if (message === undefined) return { id: Number(id) };
  if (
    typeof timestamp !== "string" || typeof level !== "string" || typeof service !== "string" ||
    typeof message !== "string"
  ) throw new NotificationError("a log has a column of the wrong type");
  const log = { id: Number(id), timestamp, level: parseLevel(level) ?? "info", service, message };
  return value.truncated === true ? { ...log, truncated: true } : log;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
