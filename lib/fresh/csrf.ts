import type { Middleware } from "./define.ts";
import { HttpError } from "./error.ts";

/**
 * Refuses unsafe requests that a browser sends on behalf of another site than `origin`, by `Sec-Fetch-Site` and, where
 * a browser does not send that, `Origin`. A request with neither header comes from no browser and passes.
 */
export function csrf<State>({ origin }: { origin?: string | string[] } = {}): Middleware<State> {
  return (ctx) => {
    const site = ctx.req.headers.get("sec-fetch-site");
    const from = ctx.req.headers.get("origin");
    const isSafe = ["GET", "HEAD", "OPTIONS"].includes(ctx.req.method);
    const isOurs = site === null ? from === null : site === "same-origin" || site === "none";
    const isAllowed = from !== null && [origin ?? ctx.url.origin].flat().includes(from);
    if (!isSafe && !isOurs && !isAllowed) throw new HttpError(403);
    return ctx.next();
  };
}
