/** Limits on what clients cost, put together. What is over one of them throws {@link RefusedError}. */

import { type Clock, systemClock } from "./clock.ts";
import { createBuckets } from "./limits/buckets.ts";
import { createGate } from "./limits/gate.ts";
import { type Reason, RefusedError, retryAfter } from "./limits/refused.ts";
import type { LimitConfig } from "./limits/settings.ts";
import { createShares } from "./limits/shares.ts";

export { type Reason, REASONS, type Refusal, RefusedError } from "./limits/refused.ts";

/** On whose account something is counted. */
export interface Client {
  /** The token or the person; null where nobody signs in. */
  readonly key: string | null;
  /** As `addressOf()` tells it. */
  readonly address: string;
  /** Whether it is perhaps the address of a proxy that is not trusted, and so of all who come through it. Default false. */
  readonly isForwarded?: boolean;
}

/** Room in memory for one body, until it is disposed of. */
export interface Room extends Disposable {
  /** Takes so many bytes more. */
  take(bytes: number): void;
}

/** See {@link createLimits}. */
export interface Limits {
  /** Takes a viewer's places. What it returns gives them back. */
  viewer(client: Client): () => void;
  /** Takes a place for an export. What it returns gives it back. */
  export(client: Client): () => void;
  /** Throws where a client may send no log at the moment. */
  mayIngest(client: Client): void;
  /** Takes so many logs off what a client may send. */
  ingest(client: Client, logs: number): void;
  /** Room for a body. */
  room(): Room;
  /** Runs something in the database for a client, at its turn. */
  work<T>(client: Client, run: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The first half of that: a place among those who want something of the database, until it is disposed of. */
  place(client: Client): Disposable;
  /** The other half: waits for a turn, and runs something in the database. */
  turn<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Takes an attempt to sign in. What it returns gives it back: the attempt did not fail. */
  signIn(address: string): () => void;
  /** What to answer where too many tokens came from an address that are not valid, else null. */
  tooManyTokens(address: string): RefusedError | null;
  /** Notes that a token was not valid. */
  tokenFailed(address: string): void;
  /** For metrics. */
  readonly counts: {
    readonly working: number;
    readonly waiting: number;
    /** Bytes of bodies in memory. */
    readonly bodies: number;
    /** Tokens and addresses of which something is remembered. */
    readonly remembered: number;
  };
}

/** Clients whose rate is remembered. */
const MOST_REMEMBERED = 10_000;

/** Seconds after which a viewer may come back for whom there was no place. */
const VIEWERS_RETRY = 10;

/** Exports at a time, of all and of one client: each asks the database for hours if need be. */
const [MOST_EXPORTS, EXPORTS_OF_ONE] = [8, 2];

/** Seconds after which a request may come back for which there was no turn and no room. */
const BUSY_RETRY = 2;

/** What to do where everybody seems to be one address. */
const UNTRUSTED = "it is not named in TAILPOST_TRUSTED_PROXY, so that all who come through it count as one";

/** For each attempt to sign in that may fail, so many tokens may be sent that are not valid. */
const TOKENS_PER_ATTEMPT = 10;

/** Makes them. */
export function createLimits(config: LimitConfig, clock: Clock = systemClock): Limits {
  const most = MOST_REMEMBERED;
  const now = () => clock.now();
  const ofToken = createShares(config.maxViewersPerToken);
  const ofAddress = createShares(config.maxViewersPerAddress);
  const exports = createShares(MOST_EXPORTS);
  const ofClient = createShares(EXPORTS_OF_ONE);
  const ingest = createBuckets({ rate: config.ingestRate, burst: config.ingestBurst, most, now });
  const attempts = createBuckets({
    rate: config.signInAttempts / 60,
    burst: config.signInAttempts,
    most,
    now,
  });
  // Programs repeat themselves more quickly than people, and one of them must not lock out the people of its address.
  const tokens = createBuckets({
    rate: TOKENS_PER_ATTEMPT * config.signInAttempts / 60,
    burst: TOKENS_PER_ATTEMPT * config.signInAttempts,
    most,
    now,
  });
  const gate = createGate({
    most: config.maxWorking,
    mostWaiting: config.maxWaiting,
    patience: config.waitSeconds * 1000,
    clock,
  });
  // One client leaves places to others: those of its requests that are over half of all are sent away.
  const mostQueued = config.maxWorking + Math.ceil(config.maxWaiting / 2);
  const queued = createShares(mostQueued);
  let bodies = 0;
  let places = 0;
  const keyOf = ({ key, address }: Client) => key ?? `address ${address}`;

  function slower(wait: number): void {
    if (wait === 0) return;
    throw refused("ingest_rate", 429, {
      code: "too_many_logs",
      message: `More than ${config.ingestRate} logs a second, after ${config.ingestBurst} at once: ` +
        `send them more slowly, this can be sent again in ${retryAfter(wait)} s`,
      retryAfter: retryAfter(wait),
    });
  }

  function tooManyViewers(
    reason: Reason,
    most: number,
    whose: string,
    advice = "close others",
  ): RefusedError {
    const streams = most === 1 ? `The one stream of ${whose} is` : `All ${most} streams of ${whose} are`;
    return refused(reason, 429, {
      code: "too_many_viewers",
      message: `${streams} taken: ${advice}`,
      retryAfter: VIEWERS_RETRY,
    });
  }

  function place(client: Client): Disposable {
    const leave = queued.take(keyOf(client));
    if (!leave) {
      throw refused("queue_full", 429, {
        code: "busy",
        message: `${mostQueued} requests of yours wait for the database already: send fewer at a time`,
        retryAfter: BUSY_RETRY,
      });
    }
    // Not all of them wait at the gate: requests that are stored together have one turn.
    if (places >= config.maxWorking + config.maxWaiting) {
      leave();
      throw busy();
    }
    places++;
    return {
      [Symbol.dispose]() {
        places--;
        leave();
      },
    };
  }

  function busy(): RefusedError {
    return refused("queue_full", 503, {
      code: "busy",
      message: `${config.maxWaiting} requests wait for the database already: try again`,
      retryAfter: BUSY_RETRY,
    });
  }

  async function turn<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = await gate.enter(signal);
    if (turn === "left") throw gone();
    if (turn === "full") throw busy();
    if (turn === "late") {
      throw refused("queue_time", 503, {
        code: "busy",
        message: `The database was busy for ${config.waitSeconds} s: try again`,
        retryAfter: BUSY_RETRY,
      });
    }
    try {
      return await run();
    } finally {
      turn();
    }
  }

  return {
    viewer({ key, address, isForwarded }) {
      const leaveAddress = ofAddress.take(address);
      if (!leaveAddress) {
        const [whose, advice] = isForwarded ? ["the proxy's address", UNTRUSTED] : ["your address"];
        throw tooManyViewers("viewers_of_address", config.maxViewersPerAddress, whose, advice);
      }
      const leaveToken = key === null ? () => {} : ofToken.take(key);
      if (!leaveToken) {
        leaveAddress();
        throw tooManyViewers("viewers_of_token", config.maxViewersPerToken, "this token");
      }
      return () => {
        leaveAddress();
        leaveToken();
      };
    },
    export(client) {
      const leave = exports.take("");
      const leaveClient = leave && ofClient.take(keyOf(client));
      if (!leave || !leaveClient) {
        leave?.();
        throw refused("exports", 429, {
          code: "busy",
          message: `${leave ? EXPORTS_OF_ONE : MOST_EXPORTS} exports ${
            leave ? "of yours " : ""
          }run already: wait for one of them`,
          retryAfter: VIEWERS_RETRY,
        });
      }
      return () => {
        leave();
        leaveClient();
      };
    },
    mayIngest(client) {
      if (config.ingestRate > 0) slower(ingest.wait(keyOf(client)));
    },
    ingest(client, logs) {
      if (config.ingestRate > 0) slower(ingest.take(keyOf(client), logs));
    },
    room() {
      let taken = 0;
      return {
        take(bytes) {
          if (bodies + bytes > config.maxBodiesBytes) {
            throw refused("body_memory", 503, {
              code: "busy",
              message: "The server has more logs to take in than it has room for: send this again",
              retryAfter: BUSY_RETRY,
            });
          }
          bodies += bytes;
          taken += bytes;
        },
        [Symbol.dispose]() {
          bodies -= taken;
          taken = 0;
        },
      };
    },
    async work(client, run, signal) {
      using _place = place(client);
      return await turn(run, signal);
    },
    place,
    turn,
    signIn(address) {
      const wait = attempts.take(address, 1);
      if (wait > 0) {
        throw refused("sign_in", 429, {
          code: "too_many_attempts",
          message: `Too many attempts to sign in from your address: try again in ${retryAfter(wait)} s`,
          retryAfter: retryAfter(wait),
        });
      }
      return () => attempts.giveBack(address, 1);
    },
    tooManyTokens(address) {
      const wait = tokens.wait(address);
      if (wait === 0) return null;
      return refused("sign_in", 429, {
        code: "too_many_attempts",
        message: `Too many tokens from your address that are not valid: try again in ${retryAfter(wait)} s`,
        retryAfter: retryAfter(wait),
      });
    },
    tokenFailed(address) {
      tokens.take(address, 1);
    },
    counts: {
      get working() {
        return gate.working;
      },
      get waiting() {
        return places - Math.min(places, gate.working);
      },
      get bodies() {
        return bodies;
      },
      get remembered() {
        return ofToken.size + ofAddress.size + queued.size + ingest.size + attempts.size + tokens.size;
      },
    },
  };
}

/** For a request whose client does not wait for the answer any more. */
export function gone(): RefusedError {
  return refused(null, 503, { code: "busy", message: "Nobody waits any more", retryAfter: 1 });
}

function refused(
  reason: Reason | null,
  status: number,
  rest: { code: string; message: string; retryAfter: number },
): RefusedError {
  return new RefusedError(reason, { status, ...rest });
}
