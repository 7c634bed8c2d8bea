/** The sockets of postgres.js, opened here to have a say in their end. */

import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { DatabaseTls } from "./database_url.ts";
import { TlsConnection } from "./postgres_tls.ts";

/** PostgreSQL manual, Message Formats. */
const CANCEL_REQUEST_BYTES = 16;

/** The options that postgres.js hands to its option `socket`. */
interface SocketOptions {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path: string | false;
}

/**
 * The option `socket` of postgres.js, which it has but does not declare. With its own sockets it neither ends a connection that
 * does not answer nor notices a server that hangs up before its first word (it connects again at once, without an end). TLS is made
 * here, where these checks see through it, and only with what `tls` asks for: postgres.js is to be told `ssl: false`.
 *
 * `prepare` is called with each socket before it is used; what it throws is the error of the connection.
 */
export function socketOption(tls: DatabaseTls | null, prepare: (socket: Duplex) => void = () => {}): object {
  let attempts = 0;
  const socket = ({ host, port, path }: SocketOptions): Duplex => {
    // Several hosts are tried in turn.
    const index = attempts++ % host.length;
    const address = { host: host[index] ?? "localhost", port: port[index] ?? 5432 };
    const raw = path ? connect({ path }) : connect(address);
    // As for libpq, no TLS on a socket of this machine.
    const socket = tls && !path ? new TlsConnection(raw, tls, address) : raw;
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
    // postgres.js names the host in errors.
    return Object.assign(socket, address);
  };
  return { socket };
}

/** Closes a socket that was written to so long ago, in milliseconds, and has not said anything since. */
export function giveUpWithoutAnswer(socket: Duplex, milliseconds: number): void {
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
