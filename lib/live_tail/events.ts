/** Reads what the stream sends. What is not as agreed is `null`, never a crash. Pure. */

import { isLevel, type Log } from "../log.ts";
import type { DatabaseProblem, DatabaseState, DatabaseStatus, Gap } from "../sse.ts";

/** A log, from the data of a `message` event. */
export function readLog(data: string): Log | null {
  return logOf(parse(data));
}

/** A log, from JSON that was read already. */
export function logOf(value: Record<string, unknown> | null): Log | null {
  if (value === null) return null;
  const { id, timestamp, level, service, message, truncated, fields } = value;
  if (typeof id !== "number" || typeof timestamp !== "string" || typeof level !== "string") return null;
  if (!isLevel(level) || typeof service !== "string" || typeof message !== "string") return null;
  return {
    ...{ id, timestamp, level, service, message },
    ...truncated === true ? { truncated } : {},
    ...isFields(fields) ? { fields } : {},
  };
}

function isFields(value: unknown): value is NonNullable<Log["fields"]> {
  return typeof value === "object" && value !== null &&
    Object.values(value).every((text) => typeof text === "string");
}

/** The data of a `ready` event. */
export function readReady(data: string): DatabaseStatus & { cursor: string | null } | null {
  const value = parse(data);
  if (value === null) return null;
  const { cursor } = value;
  return { ...databaseStatus(value), cursor: typeof cursor === "string" ? cursor : null };
}

/** The data of a `status` event. */
export function readStatus(data: string): DatabaseStatus | null {
  const value = parse(data);
  return value === null ? null : databaseStatus(value);
}

/** The data of a `gap` event. */
export function readGap(data: string): Gap | null {
  const value = parse(data);
  if (value === null) return null;
  const { missed, from, to } = value;
  if (typeof missed !== "number" || typeof from !== "string" || typeof to !== "string") return null;
  return { missed, from, to };
}

function databaseStatus(value: Record<string, unknown>): DatabaseStatus {
  const database: DatabaseState = value.database === "reconnecting" ? "reconnecting" : "connected";
  const problem = databaseProblem(value.problem);
  return problem === null ? { database } : { database, problem };
}

function databaseProblem(value: unknown): DatabaseProblem | null {
  if (typeof value !== "object" || value === null) return null;
  const { code, message } = value as Record<string, unknown>;
  return typeof code === "string" && typeof message === "string" ? { code, message } : null;
}

/** Reads JSON; what is no object is `null`. */
export function parse(data: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}
