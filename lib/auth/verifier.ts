/**
 * Says whose a token is. What it has learnt it keeps in memory, so that requests cost no query; the database tells of every token
 * that is revoked or changed (migration 0003), through the listener. Whoever holds a {@link Grant} is told when it ends.
 */

import type { Clock } from "../clock.ts";
import { hashToken, isSameHash, isToken } from "./token.ts";
import type { StoredToken } from "./token_store.ts";

/** What a verified token allows, for as long as `signal` has not aborted. */
export interface Grant {
  readonly token: StoredToken;
  /** Aborts when the token is revoked, changed or expires. */
  readonly signal: AbortSignal;
}

/** Where tokens are kept. */
export interface VerifierStore {
  findByHash(hash: Uint8Array): Promise<StoredToken | null>;
  findByIds(ids: readonly number[]): Promise<StoredToken[]>;
  touch(id: number): Promise<void>;
}

/** What {@link createVerifier} needs. */
export interface VerifierOptions {
  readonly store: VerifierStore;
  readonly clock: Clock;
  /** Whether an error says that the database is away. */
  readonly isAway: (error: unknown) => boolean;
  readonly onError: (message: string, error: unknown) => void;
}

/** See the module's comment. */
export interface Verifier extends Disposable {
  /** By a token's text. Null: not one, revoked or expired. Rejects while the database is away and the token unknown. */
  verify(text: string): Promise<Grant | null>;
  /** Whether a token is known to be good, without asking: it may still have to be looked up again. */
  isKnown(text: string): boolean;
  /** By its id, as a session names it. */
  byId(id: number): Promise<Grant | null>;
  /** The database said that a token was changed: its id. */
  changed(id: string): void;
  /** Changes may have been missed: everything known is looked up again. */
  recheck(): void;
}

/** How long an answer is believed without asking again, in milliseconds. */
const FRESH = 30_000;

/** How long it is believed while the database is away: nothing can be read from that anyway. */
const STALE = 600_000;

/** Between two notes of a token's last use, and between two tries to look up what may have changed. */
const TOUCH = 60_000;
const RETRY = 2000;

/** Tokens kept in memory. Over it the oldest are dropped, and their streams begin anew. */
const MOST = 10_000;

/** Tokens that are looked up at a time. Who makes tokens up can ask for any number of them. */
const MOST_ASKING = 1000;

/** The longest time a timer takes. */
const LONGEST = 2 ** 31 - 1;

interface Entry {
  readonly token: StoredToken;
  readonly over: AbortController;
  /** When it was last read. */
  verified: number;
  touched: number;
  cancelExpiry: () => void;
}

/** Makes one. Disposing of it ends every grant. */
export function createVerifier({ store, clock, isAway, onError }: VerifierOptions): Verifier {
  const entries = new Map<number, Entry>();
  /** Ids by hash, in hexadecimal. */
  const known = new Map<string, number>();
  const asking = new Map<string, Promise<Grant | null>>();
  /** Counts what was heard of changes: an answer that was asked for before one is not to be kept. */
  let revision = 0;
  let cancelRetry = () => {};
  let disposed = false;

  const key = (hash: Uint8Array) => Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");

  function drop(id: number): void {
    const entry = entries.get(id);
    if (!entry) return;
    entries.delete(id);
    known.delete(key(entry.token.hash));
    entry.cancelExpiry();
    entry.over.abort(new Error("The token was revoked or has expired"));
  }

  /** A timer takes less than 25 days. */
  function expireAfter(entry: Entry, milliseconds: number): void {
    entry.cancelExpiry = clock.after(Math.min(milliseconds, LONGEST), () => {
      if (milliseconds > LONGEST) expireAfter(entry, milliseconds - LONGEST);
      else drop(entry.token.id);
    });
  }

  /** Takes in what was read of a token; null where it allows nothing any more. */
  function learn(token: StoredToken): Entry | null {
    const before = entries.get(token.id);
    if (!token.usable || disposed) {
      drop(token.id);
      return null;
    }
    if (before && isSame(before.token, token)) {
      before.verified = clock.now();
      return before;
    }
    drop(token.id);
    const entry: Entry = {
      token,
      over: new AbortController(),
      verified: clock.now(),
      touched: -Infinity,
      cancelExpiry: () => {},
    };
    entries.set(token.id, entry);
    known.set(key(token.hash), token.id);
    if (token.expiresIn !== null) expireAfter(entry, Math.max(0, token.expiresIn));
    const [oldest] = entries.keys();
    if (entries.size > MOST && oldest !== undefined) drop(oldest);
    return entry;
  }

  function granted(entry: Entry): Grant {
    const now = clock.now();
    if (now - entry.touched >= TOUCH) {
      entry.touched = now;
      store.touch(entry.token.id).catch((error: unknown) => onError("Cannot note a token's last use", error));
    }
    return { token: entry.token, signal: entry.over.signal };
  }

  /** Looks something up, once for all that ask for it at the same time. */
  function ask(
    what: string,
    id: number | null,
    find: () => Promise<StoredToken | null>,
  ): Promise<Grant | null> {
    const entry = id === null ? undefined : entries.get(id);
    if (entry && clock.now() - entry.verified < FRESH) return Promise.resolve(granted(entry));
    const running = asking.get(what);
    if (running) return running;
    if (asking.size >= MOST_ASKING) {
      // As PostgreSQL says that it has too many connections.
      return Promise.reject(
        Object.assign(new Error("Too many tokens are being looked up"), { code: "53300" }),
      );
    }
    const asked = (async () => {
      try {
        for (let tries = 0;; tries++) {
          const before = revision;
          const token = await find();
          // Something changed while it was being read, perhaps this.
          if (before !== revision && tries < 3) continue;
          const learnt = token && learn(token);
          if (!learnt && id !== null) drop(id);
          return learnt && granted(learnt);
        }
      } catch (error) {
        const last = id === null ? undefined : entries.get(id);
        if (last && isAway(error) && clock.now() - last.verified < STALE) return granted(last);
        throw error;
      } finally {
        asking.delete(what);
      }
    })();
    asking.set(what, asked);
    return asked;
  }

  /** Reads again what is known of some tokens. While that fails they keep what they were granted, and it is tried again. */
  async function lookUp(ids: readonly number[]): Promise<void> {
    try {
      const before = revision;
      const found = new Map((await store.findByIds(ids)).map((token) => [token.id, token]));
      if (before !== revision) return await lookUp(ids);
      for (const id of ids) {
        const token = found.get(id);
        if (!token) drop(id);
        else if (entries.has(id)) learn(token);
      }
    } catch (error) {
      onError("Cannot look up whether tokens were revoked", error);
      cancelRetry();
      if (!disposed) cancelRetry = clock.after(RETRY, recheck);
    }
  }

  function recheck(): void {
    revision++;
    cancelRetry();
    // Until they are read anew, nobody is let in by what is known of them.
    for (const entry of entries.values()) entry.verified = Math.min(entry.verified, clock.now() - FRESH);
    if (entries.size > 0 && !disposed) void lookUp([...entries.keys()]);
  }

  return {
    async verify(text) {
      if (!isToken(text)) return null;
      const hash = hashToken(text);
      const id = key(hash);
      const grant = await ask(id, known.get(id) ?? null, () => store.findByHash(hash));
      return grant && isSameHash(grant.token.hash, hash) ? grant : null;
    },
    isKnown: (text) => isToken(text) && known.has(key(hashToken(text))),
    byId(id) {
      return ask(String(id), id, async () => (await store.findByIds([id]))[0] ?? null);
    },
    changed(payload) {
      const id = /^\d{1,15}$/u.test(payload) ? Number(payload) : 0;
      revision++;
      const entry = entries.get(id);
      if (!entry) return;
      entry.verified = -Infinity;
      void lookUp([id]);
    },
    recheck,
    [Symbol.dispose]() {
      disposed = true;
      cancelRetry();
      for (const id of [...entries.keys()]) drop(id);
    },
  };
}

function isSame(a: StoredToken, b: StoredToken): boolean {
  return a.organizationId === b.organizationId && a.scope === b.scope && isSameHash(a.hash, b.hash) &&
    a.expiresAt?.getTime() === b.expiresAt?.getTime();
}
