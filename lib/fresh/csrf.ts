import type { Context } from "./context.ts";
import { HttpError } from "./error.ts";
import type { Middleware } from "./types.ts";

/** Options of {@linkcode csrf}. */
export interface CsrfOptions<State = unknown> {
  /** Origins that may send unsafe requests. Default: the request's own. */
  origin?: string | string[] | ((origin: string, context: Context<State>) => boolean);
}

/**
 * Refuses unsafe requests that a browser sends on behalf of another site, by `Sec-Fetch-Site` and, where a browser
 * does not send that, `Origin`. A request with neither header comes from no browser and passes.
 */
export function csrf<State>(options: CsrfOptions<State> = {}): Middleware<State> {
  const allows = (origin: string, ctx: Context<State>): boolean => {
    const allowed = options.origin ?? ctx.url.origin;
    if (typeof allowed === "function") return allowed(origin, ctx);
    return Array.isArray(allowed) ? allowed.includes(origin) : origin === allowed;
  };
  return (ctx) => {
    const { method, headers } = ctx.req;
    if (method === "GET" || method === "HEAD" || method === "OPTIONS") return ctx.next();
    const site = headers.get("sec-fetch-site");
    const origin = headers.get("origin");
    const passes = site === "same-origin" || site === "none" || (site === null && origin === null) ||
      (origin !== null && allows(origin, ctx));
    if (!passes) throw new HttpError(403);
    return ctx.next();
  };
}
