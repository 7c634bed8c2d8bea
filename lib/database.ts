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
  /** How much longer than that a connection may be without any answer. Default 5,000. */
  readonly patience?: number;
}

/**
 * The pool for queries. The statement timeout also bounds what a connection may cost on which nothing comes any more: it is given
 * up, and its queries fail (not with TLS, whose socket is out of reach).
 */
export function createPool(
  url: string,
  { size = POOL_SIZE, statementTimeout = 30_000, patience = 5000 }: PoolOptions = {},
): postgres.Sql {
  const options = {
    ...COMMON,
    max: size,
    connection: { application_name: "tailpost", statement_timeout: statementTimeout },
    socket: opener((socket) => giveUpWithoutAnswer(socket, statementTimeout + patience)),
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
function opener(prepare: (socket: Socket) => void) {
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
    socket.once("data", () => {
      socket.removeListener("end", hangUp);
      closeQuietly(socket);
    });
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

/**
 * Makes a socket that fails look like one that was closed: postgres.js (3.4) never settles queries that are asked between the error
 * and the close of a connection that stood, and whoever asks again at once does just that.
 */
function closeQuietly(socket: Socket): void {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  socket.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event === "error") return true;
    return emit(event, ...event === "close" ? [false] : args);
  };
}

/** Closes a socket on which something was asked so long ago. */
function giveUpWithoutAnswer(socket: Socket, milliseconds: number): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const answered = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = (...args: unknown[]) => {
    timer ??= setTimeout(() => socket.destroy(), milliseconds);
    return write(...args);
  };
  socket.on("data", answered);
  socket.once("close", answered);
}

/** Whether an error says that PostgreSQL cannot be reached at the moment, rather than that a query was wrong. */
export function isAway(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Errors of sockets and postgres.js by name; SQLSTATE classes 08 (connection), 53 (too many), 57P0x (shutting down,
  // starting), 57014 (statement timeout) and 25006 (a standby).
  return /^(?:CONNECT|ECONN|ETIMEDOUT|EPIPE|EHOST|ENOTFOUND|EAI_|08|53|57P0|57014|25006)/u.test(code);
}
