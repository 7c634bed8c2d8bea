/** Headers for every answer, beside the Content-Security-Policy of Fresh's `csp()`. */

import { define } from "./define.ts";

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
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  return response;
});
