/** The middleware that finds out who asks, and stops who may not. */

import { HttpError } from "fresh";
import { ApiError } from "../api_error.ts";
import { FOR_PROGRAMS } from "../api_errors.ts";
import { isAway } from "../database.ts";
import { define, type State } from "../define.ts";
import { ANYBODY, type Caller, may } from "./caller.ts";
import { isAboutSigningIn, ruleOf } from "./policy.ts";
import type { Scope } from "./token.ts";

/** Put after what answers errors, and before every route. */
export const authenticate = define.middleware(async (ctx) => {
  const { req, url, state } = ctx;
  const { config } = state.services;
  if (config.auth === "off") {
    if (isAboutSigningIn(url.pathname)) throw new HttpError(404);
    state.caller = ANYBODY;
    return await ctx.next();
  }
  state.caller = null;
  const rule = ruleOf(req.method, url.pathname);
  if (rule === "open") return await ctx.next();
  const isForPrograms = FOR_PROGRAMS.test(url.pathname);
  const caller = await identify(req, state.services).catch((error: unknown) => {
    if (rule === "told") return null;
    throw isForPrograms || !isAway(error) ? error : new HttpError(503);
  });
  if (caller !== null && caller !== "refused") state.caller = caller;
  if (rule === "told") return await ctx.next();
  if (state.caller === null) {
    if (!isForPrograms) return ctx.redirect(loginPath(req.method, url), 303);
    throw new ApiError(
      401,
      "unauthorized",
      caller === "refused"
        ? "The token is not valid: it is mistyped, revoked or has expired"
        : "Send a token: Authorization: Bearer tp_..., or X-API-Key",
    );
  }
  if (may(state.caller, rule)) return await ctx.next();
  const message = refusal(state.caller, rule);
  throw isForPrograms ? new ApiError(403, "forbidden", message) : new HttpError(403, message);
});

function identify(request: Request, { auth }: State["services"]): Promise<Caller | null | "refused"> {
  return auth.identify(request);
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
