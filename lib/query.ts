/** Query parameters of the API. */

import { ApiError } from "./api_error.ts";
import type { Caller } from "./auth/caller.ts";

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

/**
 * The organization a request is about: the caller's own. Only who may see several chooses by `organizationId`, 1 without it.
 *
 * @throws {ApiError} 403 when it is not the caller's
 */
export function organizationOf(params: URLSearchParams, caller: Caller): number {
  const asked = wholeNumber(params, "organizationId", {
    from: 1,
    to: Number.MAX_SAFE_INTEGER,
    otherwise: caller.organizationId ?? 1,
  });
  if (caller.organizationId === null || asked === caller.organizationId) return asked;
  throw new ApiError(403, "forbidden", `You may see organization ${caller.organizationId} alone`);
}
