import { nonceOf } from "./context.ts";
import type { Middleware } from "./types.ts";

/** Options of {@linkcode csp}. */
export interface CSPOptions {
  /** Directives to add; one with the name of a default takes its place. */
  csp?: string[];
  /** Puts the page's nonce where a source list says 'unsafe-inline'. */
  useNonce?: boolean;
}

const DEFAULTS = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self'",
  "img-src 'self' data:",
  "media-src 'self' data: blob:",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "upgrade-insecure-requests",
];

const INLINE = /^(default-src|(script|style)-src(-elem)?|style-src-attr) /;

/** Sets Content-Security-Policy on every response that comes through it. */
export function csp<State>(options: CSPOptions = {}): Middleware<State> {
  const own = options.csp ?? [];
  const names = new Set(own.map((directive) => directive.split(" ")[0]));
  const policy = [...DEFAULTS.filter((directive) => !names.has(directive.split(" ")[0])), ...own];
  return async (ctx) => {
    const res = await ctx.next();
    const nonce = options.useNonce ? nonceOf(res) : undefined;
    const directives = nonce === undefined
      ? policy
      : policy.map((d) => INLINE.test(d) ? d.replaceAll("'unsafe-inline'", `'nonce-${nonce}'`) : d);
    res.headers.set("Content-Security-Policy", directives.join("; "));
    return res;
  };
}
