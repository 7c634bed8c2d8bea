/** Connections to PostgreSQL: a small pool for queries, and the listener's own connection. */

import { connect, type Socket } from "node:net";
import postgres from "postgres";
import type { ConnectionHooks } from "./listener.ts";

/** Connections of the pool. They are opened at the start and kept, however many viewers there are. */
export const POOL_SIZE = 4;

const COMMON = {
  connect_timeout: 5,
  idle_timeout: 0,
  max_lifetime: null,
  // Array types of the database are never used: no query is needed to learn them.
  fetch_types: false,
  onnotice: () => {},
  // Seconds: a database that is back is found within one, not within postgres.js's own 20.
  backoff: (attempt: number) => (0.5 + Math.random() / 2) * Math.min(3 ** attempt / 100, 1),
};

/** What a pool is made with. Times are in milliseconds. */
export interface PoolOptions {
  /** Default {@link POOL_SIZE}. */
  readonly size?: number;
  /** Default 30,000. */
  readonly statementTimeout?: number;
}

/** The pool for queries. */
export function createPool(
  url: string,
  { size = POOL_SIZE, statementTimeout = 30_000 }: PoolOptions = {},
): postgres.Sql {
  const options = {
    ...COMMON,
    max: size,
    connection: { application_name: "tailpost", statement_timeout: statementTimeout },
    socket: opener(),
  };
  return postgres(url, options);
}

/**
 * Opens every connection of the pool, so that their number does not depend on the load: as many queries at once as there
 * are connections get one each.
 */
export async function warmUp(sql: postgres.Sql): Promise<void> {
  await Promise.all(Array.from({ length: sql.options.max }, () => sql`select 1`));
}

/** The listener's connection. `onnotify` and `socket` are options that postgres.js has but does not declare. */
export function connectListener(url: string, { signal, onnotify, onclose }: ConnectionHooks): postgres.Sql {
  const options = {
    ...COMMON,
    onnotify,
    onclose,
    max: 1,
    connection: { application_name: "tailpost-listener" },
    socket: opener((socket) => {
      signal.throwIfAborted();
      const destroy = () => socket.destroy();
      signal.addEventListener("abort", destroy);
      socket.once("close", () => signal.removeEventListener("abort", destroy));
    }),
  };
  return postgres(url, options);
}

/** PostgreSQL manual, Message Formats. */
const CANCEL_REQUEST_BYTES = 16;

/** The options that postgres.js hands to its option `socket`. */
interface SocketOptions {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path: string | false;
}

/**
 * Opens sockets for postgres.js, which with its own neither ends a connection that does not answer nor notices a server that
 * hangs up before its first word (it connects again at once, without an end).
 */
function opener(prepare: (socket: Socket) => void = () => {}) {
  let attempts = 0;
  return ({ host, port, path }: SocketOptions): Socket => {
    // Several hosts are tried in turn.
    const index = attempts++ % host.length;
    const address = { host: host[index] ?? "localhost", port: port[index] ?? 5432 };
    const socket = path ? connect({ path }) : connect(address);
    const hangUp = () => {
      // The answer to a CancelRequest is the end of its connection.
      if (socket.bytesWritten === CANCEL_REQUEST_BYTES) return;
      socket.destroy(Object.assign(new Error("The server hung up"), { code: "ECONNRESET" }));
    };
    socket.once("end", hangUp);
    socket.once("data", () => socket.removeListener("end", hangUp));
    try {
      prepare(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    // postgres.js names the host to the server (TLS) and in errors.
    return Object.assign(socket, address);
  };
}

/** Whether an error says that PostgreSQL cannot be reached at the moment, rather than that a query was wrong. */
export function isAway(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Errors of sockets and postgres.js by name; SQLSTATE classes 08 (connection), 53 (too many), 57P0x (shutting down,
  // starting), 57014 (statement timeout) and 25006 (a standby).
  return /^(?:CONNECT|ECONN|ETIMEDOUT|EPIPE|EHOST|ENOTFOUND|EAI_|08|53|57P0|57014|25006)/u.test(code);
}
