/** Connections to PostgreSQL: a small pool for queries, and the listener's own connection. */

import type { Duplex } from "node:stream";
import postgres from "postgres";
import { parseDatabaseUrl } from "./database_url.ts";
import type { ConnectionHooks } from "./listener.ts";
import { giveUpWithoutAnswer, socketOption } from "./postgres_socket.ts";

/** Connections of the pool. They are opened at the start and kept, however many viewers there are. */
export const POOL_SIZE = 4;

const COMMON = {
  connect_timeout: 5,
  idle_timeout: 0,
  max_lifetime: null,
  // Array types of the database are never used: no query is needed to learn them.
  fetch_types: false,
  onnotice: () => {},
  // Where it is asked for, `lib/postgres_socket.ts` makes it.
  ssl: false,
  // Seconds: a database that is back is found within one, not within postgres.js's own 20.
  backoff: (attempt: number) => (0.5 + Math.random() / 2) * Math.min(3 ** attempt / 100, 1),
};

/** What a pool is made with. Times are in milliseconds. */
export interface PoolOptions {
  /** Default {@link POOL_SIZE}. */
  readonly size?: number;
  /** Default 30,000; 0 for none, and then no connection is given up either. */
  readonly statementTimeout?: number;
  /** How much longer than that a connection may be without any answer. Default 5,000. */
  readonly patience?: number;
}

/** The key under which a pool keeps what {@link renewPool} does. */
const RENEW = Symbol("renew");

/**
 * Closes every connection of a pool that {@link createPool} made, and opens others. What is asked on them rejects. For
 * when they are known to be dead: the pool itself finds out only after the statement timeout.
 */
export function renewPool(sql: postgres.Sql): void {
  const renew: unknown = Reflect.get(sql, RENEW);
  if (typeof renew !== "function") throw new TypeError("Not a pool of createPool()");
  renew();
}

/**
 * The pool for queries: a client of postgres.js, and another one in its place as soon as one of its connections is lost.
 *
 * A connection that postgres.js (3.4) makes again remembers what the lost one was at: the next query may get rows at the wrong
 * places of its result or the error of the query before it, and one that was asked within the loss may never be settled.
 * What is asked of the old client rejects.
 *
 * The statement timeout also bounds what a connection may cost on which nothing comes any more: it is closed.
 */
export function createPool(
  url: string,
  { size = POOL_SIZE, statementTimeout = 30_000, patience = 5000 }: PoolOptions = {},
): postgres.Sql {
  const ending = new Set<Promise<void>>();
  const address = parseDatabaseUrl(url);
  let ended = false;
  let current = open();

  function open() {
    const sockets = new Set<Duplex>();
    let stood = false;
    let retired = false;
    const client = postgres(address.url, {
      ...COMMON,
      max: size,
      connection: { application_name: "tailpost", statement_timeout: statementTimeout },
      // The first of the parameters that a server tells of once it has let us in.
      onparameter() {
        stood = true;
      },
      onclose() {
        if (stood) retire();
      },
      ...socketOption(address.tls, (socket) => {
        if (retired) throw new Error("Another client has taken over");
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        if (statementTimeout > 0) giveUpWithoutAnswer(socket, statementTimeout + patience);
      }),
    });
    function retire() {
      if (retired || ended) return;
      retired = true;
      current = open();
      const end = client.end({ timeout: 0 }).catch(() => {}).finally(() => ending.delete(end));
      ending.add(end);
    }
    function renew() {
      retire();
      // Their other side may never answer to the end of a connection.
      for (const socket of sockets) socket.destroy();
    }
    return { client, renew };
  }

  async function end(options?: { timeout?: number }): Promise<void> {
    ended = true;
    await Promise.all([current.client.end(options), ...ending]);
  }

  return new Proxy(current.client, {
    apply: (_client, self, args) => Reflect.apply(current.client, self, args),
    get(_client, key) {
      if (key === "end") return end;
      return key === RENEW ? current.renew : Reflect.get(current.client, key);
    },
  });
}

/**
 * Opens every connection of the pool, so that their number does not depend on the load: as many queries at once as there
 * are connections get one each.
 */
export async function warmUp(sql: postgres.Sql): Promise<void> {
  await Promise.all(Array.from({ length: sql.options.max }, () => sql`select 1`));
}

/** The listener's connection. `onnotify` is an option that postgres.js has but does not declare. */
export function connectListener(url: string, { signal, onnotify, onclose }: ConnectionHooks): postgres.Sql {
  const address = parseDatabaseUrl(url);
  const options = {
    ...COMMON,
    onnotify,
    onclose,
    max: 1,
    connection: { application_name: "tailpost-listener" },
    ...socketOption(address.tls, (socket) => closeOnAbort(socket, signal)),
  };
  return postgres(address.url, options);
}

/** What a connection that replicates is made with. */
export interface ReplicationHooks {
  /** Once it aborts the socket is closed at once, and no other one is made. */
  readonly signal: AbortSignal;
  /** How long making a slot may wait for each open transaction, in milliseconds. */
  readonly lockTimeout: number;
  /** Called with the socket of each try to connect. */
  readonly onsocket: (socket: Duplex) => void;
}

/**
 * A client of one connection to a walsender (PostgreSQL manual, Streaming Replication Protocol), which takes commands of replication.
 * Columns come as PostgreSQL writes them in its session: times in UTC, as ISO 8601 has them.
 */
export function connectReplication(
  url: string,
  { signal, lockTimeout, onsocket }: ReplicationHooks,
): postgres.Sql {
  const address = parseDatabaseUrl(url);
  const connection = {
    application_name: "tailpost-wal",
    replication: "database",
    client_encoding: "UTF8",
    TimeZone: "UTC",
    DateStyle: "ISO",
    // A process that was stopped keeps no WAL for longer: its slot goes with its connection.
    wal_sender_timeout: "30s",
    // There is an end to the wait for transactions that are open (XactLockTableWait).
    lock_timeout: lockTimeout,
    // Between the making of the slot and the stream a transaction is open, whatever the database sets for others. postgres.js
    // does not pass a zero on by its name.
    options: "-c idle_in_transaction_session_timeout=0 -c statement_timeout=0",
  };
  return postgres(address.url, {
    ...COMMON,
    max: 1,
    connection,
    ...socketOption(address.tls, (socket) => {
      closeOnAbort(socket, signal);
      onsocket(socket);
    }),
  });
}

/** @throws the signal's reason when it has aborted before */
function closeOnAbort(socket: Duplex, signal: AbortSignal): void {
  signal.throwIfAborted();
  const destroy = () => socket.destroy();
  signal.addEventListener("abort", destroy);
  socket.once("close", () => signal.removeEventListener("abort", destroy));
}

/** Sends one NOTIFY from a connection of its own, which is made and ended as the listener's is. */
export async function notifyOnce(url: string, channel: string): Promise<void> {
  const address = parseDatabaseUrl(url);
  const sql = postgres(address.url, {
    ...COMMON,
    max: 1,
    connection: { application_name: "tailpost-probe" },
    ...socketOption(address.tls),
  });
  try {
    await sql`notify ${sql(channel)}`.simple();
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** What PgBouncer says to a client that sets more at its start than it knows; such a client cannot use it. */
export function isPoolersRefusal(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter/u.test(error.message);
}

/** Whether PostgreSQL gave up a query at the statement timeout. */
export function isQueryTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "57014";
}

/**
 * Whether an error says that PostgreSQL cannot be reached at the moment, rather than that a query was wrong. TLS that cannot be had is
 * among them: whoever asks for logs need not know. Who connects first stops at it (`lib/cli/database.ts`).
 */
export function isAway(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Errors of sockets and postgres.js by name; SQLSTATE classes 08 (connection), 53 (too many), 57P0x (shutting down,
  // starting), 57014 (statement timeout) and 25006 (a standby).
  return /^(?:CONNECT|DATABASE_TLS|ECONN|ETIMEDOUT|EPIPE|EHOST|ENOTFOUND|EAI_|08|53|57P0|57014|25006)/u.test(
    code,
  );
}
