/**
 * The API for pages of other origins (Fetch standard, CORS protocol): closed, but to those that TAILPOST_CORS_ORIGINS names. They use
 * tokens; cookies are never allowed along. Put before what answers errors and asks who it is, for a preflight carries no token.
 */

import { type Context, csrf } from "fresh";
import { parseOrigins } from "./auth/origins.ts";
import { tokenOf } from "./auth/token.ts";
import { define, type State } from "./define.ts";

const API = /^\/api(?:\/|$)/u;

const PREFLIGHT = {
  "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
  "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID, X-API-Key",
  "Access-Control-Max-Age": "600",
};

/** The origin that a request for the API comes from, where it is one of those that are named. Compared exactly. */
function namedOrigin({ req, url, state }: Context<State>): string | null {
  const { corsOrigins } = state.services.config;
  if (corsOrigins === "" || !API.test(url.pathname)) return null;
  const origin = req.headers.get("origin");
  return origin !== null && parseOrigins(corsOrigins)?.has(origin) ? origin : null;
}

/** Answers preflights, and marks the answers that named origins may read. */
export const cors = define.middleware(async (ctx) => {
  const { req, url, state } = ctx;
  const origin = namedOrigin(ctx);
  const isPreflight = req.method === "OPTIONS" && req.headers.has("access-control-request-method");
  const response = origin !== null && isPreflight
    ? new Response(null, { status: 204, headers: PREFLIGHT })
    : await ctx.next();
  // Also where the origin is not named: what is kept for one must not be given to another.
  if (state.services.config.corsOrigins !== "" && API.test(url.pathname)) {
    response.headers.append("Vary", "Origin");
  }
  if (origin !== null) {
    response.headers.set("Access-Control-Allow-Origin", origin);
    response.headers.set("Access-Control-Expose-Headers", "Retry-After");
    response.headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  }
  return response;
});

const refuseOtherSites = csrf<State>();

/**
 * Fresh's `csrf()`, but for what named origins send with a token of their own: no page can make a browser do that by itself, and with
 * a token cookies count for nothing.
 */
export const csrfButForCors = define.middleware((ctx) => {
  const isMeant = tokenOf(ctx.req.headers) !== null || ctx.state.services.config.auth === "off";
  return isMeant && namedOrigin(ctx) !== null ? ctx.next() : refuseOtherSites(ctx);
});
