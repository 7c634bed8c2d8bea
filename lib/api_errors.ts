/** The middleware that answers errors of the API as JSON. */

import { getLogger } from "@logtape/logtape";
import { ApiError, errorResponse, isUnexpected } from "./api_error.ts";
import { within } from "./backoff.ts";
import { define } from "./define.ts";

const logger = getLogger(["tailpost", "http"]);

/** Paths for programs: their errors are JSON. All others answer people, with a page. */
export const FOR_PROGRAMS = /^\/(?:api(?:\/|$)|healthz$|readyz$|metrics$)/u;

/** How long an answer may take to begin, a body of the largest size sent slowly included, in milliseconds. */
const REQUEST_TIMEOUT = 45_000;

/** Catches what routes throw. */
export const apiErrors = define.middleware(async (ctx) => {
  if (!FOR_PROGRAMS.test(ctx.url.pathname)) return await ctx.next();
  try {
    return await within(
      REQUEST_TIMEOUT,
      Promise.resolve(ctx.next()),
      () => new ApiError(503, "timeout", "The answer took too long"),
    );
  } catch (error) {
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
