/** The middleware that refuses query strings over TAILPOST_MAX_QUERY_LENGTH, before anything parses them. */

import { HttpError } from "fresh";
import { FOR_PROGRAMS } from "./api_errors.ts";
import { define } from "./define.ts";
import { RefusedError } from "./limits.ts";

/** Put after what answers errors. */
export const boundQuery = define.middleware((ctx) => {
  const { config: { maxQueryLength }, metrics } = ctx.state.services;
  if (ctx.url.search.length <= maxQueryLength) return ctx.next();
  const message = `The query string is longer than ${maxQueryLength} characters: look for less at a time`;
  const reason = "query_string";
  if (FOR_PROGRAMS.test(ctx.url.pathname)) {
    throw new RefusedError(reason, { status: 414, code: "too_long", message });
  }
  metrics.refused.inc({ reason });
  throw new HttpError(414, message);
});
