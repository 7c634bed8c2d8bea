/** Reads the server's error answers. Pure. */

import type { Problem } from "./view.ts";

/** An HTTP answer to the stream's URL, as far as it explains why there is no stream. */
export interface Answer {
  readonly status: number;
  /** The `Retry-After` header in milliseconds, `null` without one. */
  readonly retryAfter: number | null;
  /** What the server says is wrong; `null` for an answer that is no error of ours. */
  readonly problem: Problem | null;
}

/** Reads `{"error":{"code","message","details":[{"path","message"}]}}`; anything else is `null`. */
export function readProblem(body: string): Problem | null {
  const error = field(parse(body), "error");
  const message = field(error, "message");
  if (typeof message !== "string") return null;
  const details = field(error, "details");
  const first: unknown = Array.isArray(details) ? details[0] : undefined;
  const path = field(first, "path");
  const detail = field(first, "message");
  return {
    path: typeof path === "string" ? path : null,
    message: typeof detail === "string" ? detail : message,
  };
}

/** Reads a `Retry-After` header (RFC 9110 section 10.2.3) given in seconds; a date or nonsense is `null`. */
export function readRetryAfter(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/u.test(header.trim()) ? Number(header) * 1000 : null;
}

/** Whether the server will give the same answer to the same request: a 4xx that is not about the moment. */
export function isRefusal({ status }: Answer): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

/** Whether a refusal is about the cursor. */
export function isCursorRefusal({ status, problem }: Answer): boolean {
  if (status !== 400 || problem === null) return false;
  return problem.path === "lastEventId" || /\bcursor\b|last-?event-?id/iu.test(problem.message);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
