/** Who may come in: tokens, and what else stands for them, put together. */

import type postgres from "postgres";
import { within } from "./backoff.ts";
import { systemClock } from "./clock.ts";
import { type Caller, callerOfGrant } from "./auth/caller.ts";
import { createLoginCodes, type LoginCodes } from "./auth/login_codes.ts";
import { tokenOf } from "./auth/token.ts";
import { findByHash, findByIds, touchToken } from "./auth/token_store.ts";
import { createVerifier, type Verifier } from "./auth/verifier.ts";
import { isAway } from "./database.ts";

/** See {@link createAuth}. */
export interface Auth extends Disposable {
  readonly tokens: Verifier;
  /** One-time links to sign in by. */
  readonly codes: LoginCodes;
  /**
   * Who sent a request: `null` for a stranger, `"refused"` for one whose token is no good. Rejects while the database is away and
   * would have to be asked.
   */
  identify(request: Request): Promise<Caller | null | "refused">;
}

/** How long the database may take to say whose a token is, in milliseconds. */
const TIMEOUT = 5000;

/** Makes it. It asks the database only for tokens that it does not know. */
export function createAuth(
  sql: postgres.Sql,
  onError: (message: string, error: unknown) => void,
): Auth {
  const late = () => Object.assign(new Error("PostgreSQL did not answer in time"), { code: "ETIMEDOUT" });
  const bounded = <T>(asked: Promise<T>) => within(TIMEOUT, asked, late);
  const tokens = createVerifier({
    store: {
      findByHash: (hash) => bounded(findByHash(sql, hash)),
      findByIds: (ids) => bounded(findByIds(sql, ids)),
      touch: (id) => bounded(touchToken(sql, id)),
    },
    clock: systemClock,
    isAway,
    onError,
  });
  return {
    tokens,
    codes: createLoginCodes(systemClock),
    async identify({ headers }) {
      const token = tokenOf(headers);
      if (token === null) return null;
      const grant = await tokens.verify(token);
      return grant ? callerOfGrant(grant) : "refused";
    },
    [Symbol.dispose]() {
      tokens[Symbol.dispose]();
    },
  };
}
