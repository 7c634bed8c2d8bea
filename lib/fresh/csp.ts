import { nonces } from "./context.ts";
import type { Middleware } from "./define.ts";

// deno-fmt-ignore
const DEFAULTS = [
  "default-src 'self'", "script-src 'self' 'unsafe-inline'", "style-src 'self' 'unsafe-inline'", "font-src 'self'",
  "img-src 'self' data:", "media-src 'self' data: blob:", "worker-src 'self' blob:", "connect-src 'self'",
  "object-src 'none'", "base-uri 'self'", "form-action 'self'", "frame-ancestors 'none'", "upgrade-insecure-requests",
];

/** Sets Content-Security-Policy: the defaults and `csp`, with the page's nonce for 'unsafe-inline' if `useNonce`. */
export function csp<State>(options: { csp?: string[]; useNonce?: boolean } = {}): Middleware<State> {
  const directives = [...DEFAULTS, ...options.csp ?? []];
  const policy = [...new Map(directives.map((directive) => [directive.split(" ")[0], directive])).values()];
  return async (ctx) => {
    const res = await ctx.next();
    const nonce = options.useNonce && nonces.get(res);
    const inline = nonce ? `'nonce-${nonce}'` : "'unsafe-inline'";
    res.headers.set("Content-Security-Policy", policy.join("; ").replaceAll("'unsafe-inline'", inline));
    return res;
  };
}
