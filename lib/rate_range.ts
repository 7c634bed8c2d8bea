/** The range and the steps in which logs are counted, as query parameters carry them. Pure. */

import { ApiError } from "./api_error.ts";
import { wholeNumber } from "./query.ts";
import { timeParameter } from "./time_parameter.ts";

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
