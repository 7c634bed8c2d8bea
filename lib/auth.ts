/** Who may come in: tokens, the sessions that stand for them, and the links to begin with, put together. */

import type postgres from "postgres";
import { type Caller, callerOfGrant } from "./auth/caller.ts";
import { readSessionKey } from "./auth/key_store.ts";
import { createLoginCodes, type LoginCodes } from "./auth/login_codes.ts";
import {
  readSession,
  renewed,
  sessionCookie,
  setSessionCookie,
  signSession,
  streamLifetime,
} from "./auth/session.ts";
import { tokenOf } from "./auth/token.ts";
import { findByHash, findByIds, touchToken } from "./auth/token_store.ts";
import { createVerifier, type Verifier } from "./auth/verifier.ts";
import { within } from "./backoff.ts";
import { systemClock } from "./clock.ts";
import { isAway } from "./database.ts";

/** Who sent a request. */
export interface Identity {
  /** Null for a stranger. */
  readonly caller: Caller | null;
  /** A token was sent, and it is no good. */
  readonly refused?: boolean;
  /** `Set-Cookie` of the answer, where the session's cookie is due for renewal. */
  readonly cookie?: string;
}

/** See {@link createAuth}. */
export interface Auth extends Disposable {
  readonly tokens: Verifier;
  /** One-time links to sign in by. */
  readonly codes: LoginCodes;
  /** Tells who sent a request. Rejects while the database is away and would have to be asked. */
  identify(request: Request, secure: boolean): Promise<Identity>;
  /** The `Set-Cookie` that begins a session with a token. */
  signIn(tokenId: number, secure: boolean): Promise<string>;
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
  let sessionKey: Promise<Uint8Array> | null = null;
  function readKey(): Promise<Uint8Array> {
    const reading = sessionKey ??= bounded(readSessionKey(sql)).catch((error: unknown) => {
      sessionKey = null;
      throw error;
    });
    return reading;
  }

  async function identifySession(cookie: string, secure: boolean): Promise<Identity> {
    const key = await readKey();
    const now = Date.now();
    const session = readSession(cookie, key, now);
    const grant = session && await tokens.byId(session.tokenId);
    if (!session || !grant) return { caller: null };
    const next = renewed(session, now);
    return {
      caller: callerOfGrant(grant, streamLifetime(session, now)),
      ...next ? { cookie: setSessionCookie(signSession(next, key), secure) } : {},
    };
  }

  return {
    tokens,
    codes: createLoginCodes(systemClock),
    async identify({ headers }, secure) {
      const token = tokenOf(headers);
      if (token !== null) {
        const grant = await tokens.verify(token);
        return grant ? { caller: callerOfGrant(grant) } : { caller: null, refused: true };
      }
      const cookie = sessionCookie(headers, secure);
      return cookie === null ? { caller: null } : await identifySession(cookie, secure);
    },
    async signIn(tokenId, secure) {
      const now = Date.now();
      return setSessionCookie(signSession({ tokenId, issuedAt: now, seenAt: now }, await readKey()), secure);
    },
    [Symbol.dispose]() {
      tokens[Symbol.dispose]();
    },
  };
}
