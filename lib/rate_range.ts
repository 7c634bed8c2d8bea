/** The range and the steps in which logs are counted, as query parameters carry them. Pure. */

import { ApiError } from "./api_error.ts";
import { wholeNumber } from "./query.ts";

/** The most steps of an answer, and how many there are unless somebody asks for others. */
export const MOST_BUCKETS = 300;
const BUCKETS = 60;

/** What is counted without `from`, and at most, in milliseconds. */
const SPAN = 15 * 60_000;
const LONGEST = 31 * 24 * 60 * 60_000;

/** Times are in epoch milliseconds. */
export interface RateRange {
  readonly from: number;
  /** Exclusive: `buckets` whole steps behind `from`. */
  readonly to: number;
  readonly step: number;
  readonly buckets: number;
}

/**
 * Reads `from`, `to` (ISO 8601 or epoch milliseconds) and `buckets`. The last step may reach beyond the `to` that was asked for.
 *
 * @throws {ApiError} 400 on what is no time, on a range without any time in it, and on one of more than 31 days
 */
export function readRateRange(params: URLSearchParams, now: number): RateRange {
  const until = timeParameter(params, "to") ?? Math.ceil(now);
  const from = timeParameter(params, "from") ?? until - SPAN;
  const asked = wholeNumber(params, "buckets", { from: 1, to: MOST_BUCKETS, otherwise: BUCKETS });
  if (until <= from || until - from > LONGEST) {
    throw new ApiError(400, "bad_parameter", "from must be before to, and by 31 days at most");
  }
  const step = Math.ceil((until - from) / asked);
  const buckets = Math.ceil((until - from) / step);
  return { from, to: from + buckets * step, step, buckets };
}

/** The years 0001 to 9999, which is what logs can be of. */
const EARLIEST = -62_135_596_800_000;
const LATEST = 253_402_300_799_999;

function timeParameter(params: URLSearchParams, name: string): number | null {
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
