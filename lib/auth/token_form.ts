/** The form that makes a token. Pure. */

import { type Scope, SCOPES } from "./scope.ts";
import { parseDuration } from "./token.ts";
import { type NewToken, TokenError } from "./token_store.ts";

/**
 * Reads the form.
 *
 * @throws {TokenError} when it makes no token
 */
export function newTokenOf(form: URLSearchParams): NewToken {
  const scope = SCOPES.find((scope) => scope === form.get("scope"));
  if (!scope) throw new TokenError(`A scope is ${SCOPES.join(", ")}`);
  const expires = form.get("expires")?.trim() ?? "";
  const expiresIn = expires === "" ? null : parseDuration(expires);
  if (expires !== "" && expiresIn === null) {
    throw new TokenError("An expiry is a number and s, m, h, d, w or y, such as 90d");
  }
  return { name: form.get("name") ?? "", scope, expiresIn, organizationId: organizationOf(scope, form) };
}

function organizationOf(scope: Scope, form: URLSearchParams): number | null {
  if (scope === "admin") return null;
  const text = form.get("organization") ?? "1";
  if (!/^[1-9]\d{0,14}$/u.test(text)) throw new TokenError("An organization is a whole number");
  return Number(text);
}
