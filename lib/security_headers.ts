/** Headers for every answer, beside the Content-Security-Policy of Fresh's `csp()`. */

import { define } from "./define.ts";

/** For what passed no `csp()`: pages about errors that middleware threw, which hold no inline script. */
const STRICT = [
  "default-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Put before `csp()`, whose header it amends. */
export const securityHeaders = define.middleware(async (ctx) => {
  const response = await ctx.next();
  const { headers } = response;
  const policy = headers.get("Content-Security-Policy");
  if (policy) {
    headers.set(
      "Content-Security-Policy",
      policy
        // Behind a proxy that speaks plain HTTP, on a host of its own, nothing would load.
        .replace("; upgrade-insecure-requests", "")
        .replace("style-src 'self' 'unsafe-inline'", "style-src 'self'")
        .replace("script-src 'self' 'unsafe-inline'", "script-src 'self'"),
    );
  }
  return secured(response);
});

/** Adds what an answer lacks. The server puts it around everything: Fresh's own error pages come from outside all middleware. */
export function secured(response: Response): Response {
  const { headers } = response;
  if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", STRICT);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  // What may be kept says so itself.
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  return response;
}
