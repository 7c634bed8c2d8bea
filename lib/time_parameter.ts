/** Times in query strings. Pure. */

import { ApiError } from "./api_error.ts";

/** The years 0001 to 9999, which is what logs can be of. */
const EARLIEST = -62_135_596_800_000;
const LATEST = 253_402_300_799_999;

/**
 * A time of a query string (ISO 8601 or epoch milliseconds) in epoch milliseconds, `null` where it is absent.
 *
 * @throws {ApiError} 400 when it is something else
 */
export function timeParameter(params: URLSearchParams, name: string): number | null {
  const text = params.get(name);
  if (text === null || text === "") return null;
  const isIso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/u.test(text);
  const time = isIso ? Date.parse(text) : /^-?\d{1,15}$/u.test(text) ? Number(text) : NaN;
  if (time >= EARLIEST && time <= LATEST) return time;
  throw new ApiError(
    400,
    "bad_parameter",
    `${name} takes a time, as 2026-01-31T12:00:00Z or in epoch milliseconds`,
  );
}
