/** Query parameters of the API. */

import { ApiError } from "./api_error.ts";

/**
 * A whole number of a query string, `otherwise` where it is absent.
 *
 * @throws {ApiError} 400 when it is something else or out of bounds
 */
export function wholeNumber<T>(
  params: URLSearchParams,
  name: string,
  { from, to, otherwise }: { from: number; to: number; otherwise: T },
): number | T {
  const text = params.get(name);
  if (text === null || text === "") return otherwise;
  const value = /^\d{1,16}$/u.test(text) ? Number(text) : NaN;
  if (value >= from && value <= to) return value;
  throw new ApiError(400, "bad_parameter", `${name} takes a whole number from ${from} to ${to}`);
}

/** An id of a log, `null` where it is absent. */
export function idParameter(params: URLSearchParams, name: string): number | null {
  return wholeNumber(params, name, { from: 0, to: Number.MAX_SAFE_INTEGER, otherwise: null });
}

/** The organization a request is about. Without sign-in whoever reaches the port may see all of them. */
export function organizationOf(params: URLSearchParams): number {
  return wholeNumber(params, "organizationId", { from: 1, to: Number.MAX_SAFE_INTEGER, otherwise: 1 });
}
