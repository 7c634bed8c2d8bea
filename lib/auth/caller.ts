/** Who asks, and what they may do. */

import { ApiError } from "../api_error.ts";
import type { Scope } from "./scope.ts";
import type { Grant } from "./verifier.ts";

/** Somebody who was let in. */
export interface Caller {
  /** What the page calls them; null where nobody signs in at all. */
  readonly name: string | null;
  /** What their limits are counted under: one for each token and each person; null where nobody signs in. */
  readonly key: string | null;
  /** What they may do; `all` without sign-in: everything but to administer. */
  readonly scope: Scope | "all";
  /** The one organization that they may see; null: all of them. */
  readonly organizationId: number | null;
  /** When a stream of theirs has to end. */
  readonly until: { readonly signal?: AbortSignal; readonly lifetime?: number };
  /** A proxy signed them in, and only it can sign them out. */
  readonly isSignedOnElsewhere?: boolean;
}

/** Whoever reaches the port, with auth off. */
export const ANYBODY: Caller = { name: null, key: null, scope: "all", organizationId: null, until: {} };

/** The caller that a verified token stands for. */
export function callerOfGrant({ token, signal }: Grant, lifetime?: number): Caller {
  return {
    name: token.name,
    key: `token ${token.id}`,
    scope: token.scope,
    organizationId: token.organizationId,
    until: lifetime === undefined ? { signal } : { signal, lifetime },
  };
}

/** Whether a caller may do what takes a scope. */
export function may({ scope }: Caller, needed: Scope): boolean {
  return scope === needed || scope === "admin" || (scope === "all" && needed !== "admin");
}

/**
 * The caller of a request.
 *
 * @throws {ApiError} 401 for a stranger: a route that asks for the caller is closed to them whatever the policy says
 */
export function callerOf({ caller }: { readonly caller: Caller | null }): Caller {
  if (caller) return caller;
  throw new ApiError(401, "unauthorized", "Sign in, or send a token: Authorization: Bearer tp_...");
}
