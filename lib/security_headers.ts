/** What every answer tells browsers of how it is to be treated. */

import { type Context, csp } from "fresh";
import { isSecure } from "./auth/client.ts";
import { isLoopback } from "./auth/networks.ts";
import { define, type State } from "./define.ts";

/** For what passed no `csp()`: answers of the server and of Fresh itself, which are text and no pages. */
const STRICT = [
  "default-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** What the page needs none of; the clipboard it does. */
const PERMISSIONS = ["camera", "display-capture", "geolocation", "microphone", "payment", "usb"]
  .map((feature) => `${feature}=()`).join(", ");

/** The Content-Security-Policy: scripts and styles by the nonce of the page alone. */
export const contentPolicy = csp<State>({
  useNonce: true,
  csp: ["img-src 'self' data:", "frame-ancestors 'none'"],
});

/** Put before {@link contentPolicy}, whose header it amends. */
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
  // Names of this machine are shared by all that is served on it, much of it without TLS (RFC 6797 section 8.1).
  if (isSecure(ctx) && !isLoopback(ctx.url.hostname) && !ctx.url.hostname.endsWith(".localhost")) {
    headers.set("Strict-Transport-Security", "max-age=31536000");
  }
  return secured(response);
});

/** Adds what an answer lacks. The server puts it around everything: what Fresh answers by itself comes from outside all middleware. */
export function secured(response: Response): Response {
  const { headers } = response;
  // Most have passed here, in the middleware.
  if (headers.has("Permissions-Policy")) return response;
  if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", STRICT);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Permissions-Policy", PERMISSIONS);
  // Answers to origins that are named for CORS say otherwise.
  if (!headers.has("Cross-Origin-Resource-Policy")) {
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
  }
  // What may be kept says so itself.
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  return response;
}

/**
 * For pages that tell of an error: those are made outside of all middleware, so what they render is put under the same policies here.
 */
export async function underPolicies(ctx: Context<State>, response: Promise<Response>): Promise<Response> {
  const within = (next: () => Promise<Response>): Context<State> =>
    Object.create(ctx, { next: { value: next } });
  return await securityHeaders(within(async () => await contentPolicy(within(() => response))));
}
