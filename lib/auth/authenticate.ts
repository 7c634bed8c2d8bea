/** The middleware that finds out who asks, and stops who may not. */

import { HttpError } from "fresh";
import { ApiError } from "../api_error.ts";
import { FOR_PROGRAMS } from "../api_errors.ts";
import { isAway } from "../database.ts";
import { define } from "../define.ts";
import { ANYBODY, type Caller, may } from "./caller.ts";
import { addressOf, callerOfProxy, isFromTrustedProxy, isNameOfHere, isSecure } from "./client.ts";
import { isAboutSigningIn, ruleOf } from "./policy.ts";
import type { Scope } from "./scope.ts";
import { tokenOf } from "./token.ts";

/** Put after what answers errors, and before every route. */
export const authenticate = define.middleware(async (ctx) => {
  const { req, url, state } = ctx;
  const { config, auth, limits, metrics } = state.services;
  if (config.auth === "off") {
    if (!isNameOfHere(url.hostname) && !isFromTrustedProxy(ctx.info, config)) throw strangeName(url);
    if (isAboutSigningIn(url.pathname)) throw new HttpError(404);
    state.caller = ANYBODY;
    return await ctx.next();
  }
  state.caller = null;
  const rule = ruleOf(req.method, url.pathname);
  if (rule === "open") return await ctx.next();
  const isForPrograms = FOR_PROGRAMS.test(url.pathname);
  const sent = tokenOf(req.headers);
  // Each that is not known costs a query, and who makes them up has any number of them.
  const tooMany = sent === null ? null : limits.tooManyTokens(addressOf(ctx));
  if (tooMany && sent !== null && !auth.tokens.isKnown(sent)) {
    if (rule === "told") return await ctx.next();
    if (isForPrograms) throw tooMany;
    metrics.refused.inc({ reason: "sign_in" });
    throw new HttpError(429, tooMany.message, { cause: tooMany });
  }
  const { refused, cookie, ...identity } = await auth.identify(req, isSecure(ctx)).catch((error: unknown) => {
    if (rule === "told") return { caller: null, refused: false, cookie: undefined };
    throw isForPrograms || !isAway(error) ? error : new HttpError(503);
  });
  if (refused) limits.tokenFailed(addressOf(ctx));
  // One's own token or session counts before what a proxy says.
  const caller = identity.caller ?? (refused ? null : callerOfProxy(ctx));
  state.caller = caller;
  if (rule !== "told") {
    if (!caller && !isForPrograms) return ctx.redirect(loginPath(req.method, url), 303);
    check(caller, rule, { refused: refused === true, isForPrograms });
  }
  const response = await ctx.next();
  if (cookie !== undefined) response.headers.append("Set-Cookie", cookie);
  // What is shown to one caller is kept by nobody in between, nor for who uses the browser next.
  if (!response.headers.has("Cache-Control")) response.headers.set("Cache-Control", "no-store");
  return response;
});

/** Without sign-in the page of another site could have its own name lead here, and read everything (DNS rebinding). */
function strangeName({ hostname, pathname }: URL): Error {
  const message =
    `Without sign-in Tailpost answers to localhost, addresses and names without a dot, not to ${hostname}. Behind a proxy of yours ` +
    "name it in TAILPOST_TRUSTED_PROXY, or serve with sign-in";
  return FOR_PROGRAMS.test(pathname) ? new ApiError(403, "forbidden", message) : new HttpError(403, message);
}

/** Throws where a caller may not do what takes a scope. */
function check(
  caller: Caller | null,
  needed: Scope,
  { refused, isForPrograms }: { refused: boolean; isForPrograms: boolean },
): void {
  if (!caller) {
    throw new ApiError(
      401,
      "unauthorized",
      refused
        ? "The token is not valid: it is mistyped, revoked or has expired"
        : "Not signed in: sign in at /login, or send a token as Authorization: Bearer tp_... or X-API-Key",
    );
  }
  if (may(caller, needed)) return;
  const message = refusal(caller, needed);
  throw isForPrograms ? new ApiError(403, "forbidden", message) : new HttpError(403, message);
}

/** Where to sign in, and to return to from there. */
function loginPath(method: string, { pathname, search }: URL): string {
  const isPage = method === "GET" || method === "HEAD";
  return isPage && pathname !== "/" ? `/login?next=${encodeURIComponent(pathname + search)}` : "/login";
}

function refusal({ scope }: Caller, needed: Scope): string {
  if (needed === "admin") return "Only administrators may see this";
  return needed === "read"
    ? `This takes a token that may read, and this one may ${scope}`
    : `This takes a token that may send logs (the scope ingest), and this one may ${scope}`;
}
