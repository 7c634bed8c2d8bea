/** The middleware that answers errors of the API as JSON. */

import { getLogger } from "@logtape/logtape";
import { ApiError, errorResponse, isUnexpected, reasonOf } from "./api_error.ts";
import { within } from "./backoff.ts";
import { define } from "./define.ts";

const logger = getLogger(["tailpost", "http"]);

/** Paths for programs: their errors are JSON. All others answer people, with a page. */
export const FOR_PROGRAMS = /^\/(?:api(?:\/|$)|healthz$|readyz$|metrics$)/u;

/** How long all else may take that an answer needs before it begins, in milliseconds. */
const MARGIN = 15_000;

/** Catches what routes throw. */
export const apiErrors = define.middleware(async (ctx) => {
  if (!FOR_PROGRAMS.test(ctx.url.pathname)) return await ctx.next();
  const { config: { bodySeconds, waitSeconds, queryTimeoutSeconds }, metrics } = ctx.state.services;
  try {
    return await within(
      (bodySeconds + waitSeconds + queryTimeoutSeconds) * 1000 + MARGIN,
      Promise.resolve(ctx.next()),
      () => new ApiError(503, "timeout", "The answer took too long"),
    );
  } catch (error) {
    const reason = reasonOf(error);
    if (reason !== null) metrics.refused.inc({ reason });
    if (isUnexpected(error)) {
      logger.error("{method} {path} failed: {error}", {
        method: ctx.req.method,
        path: ctx.url.pathname,
        error,
      });
    }
    return errorResponse(error);
  }
});
