/** What each path takes: the one list of who may do what. Pure. */

import type { Scope } from "./scope.ts";

/** `open`: anybody. `told`: anybody, and who is known is told more. Else the scope that it takes. */
export type Rule = "open" | "told" | Scope;

/** Paths that exist only where somebody signs in. */
const SIGN_IN = /^\/(?:login|logout|settings)(?:\/|$)/u;

/** Whether a path exists only with sign-in. */
export function isAboutSigningIn(pathname: string): boolean {
  return SIGN_IN.test(pathname);
}

/** The rule for a request. What is not named here takes `read`, also where there is nothing: a stranger learns no paths. */
export function ruleOf(method: string, pathname: string): Rule {
  const path = pathname.replace(/\/+$/u, "") || "/";
  switch (path) {
    case "/healthz":
    case "/login":
    case "/logout":
      return "open";
    case "/readyz":
      return "told";
    case "/api/logs":
      return method === "POST" ? "ingest" : "read";
  }
  return /^\/settings(?:\/|$)/u.test(path) ? "admin" : "read";
}
