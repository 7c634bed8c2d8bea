/** The connection of a replication, from the making of its slot on. */

import type { Duplex } from "node:stream";
import type postgres from "postgres";
import { wait } from "../backoff.ts";
import { errorOf, FrameError, Frames, queryMessage, statusUpdate } from "./frames.ts";
import type { Replication, ReplicationHandlers } from "./replication.ts";

/** Confirmations are at least so far apart. */
const CONFIRM_INTERVAL = 100;

/** While nothing is read the server hears from us so often, and does not take us for dead (wal_sender_timeout). */
const BUSY_INTERVAL = 5000;

/** How long a connection may take to end by itself. */
const GRACE = 500;

/** What a {@link ReplicationConnection} is made with. */
export interface ConnectionOptions {
  readonly snapshotName: string;
  readonly consistentPoint: bigint;
  readonly command: string;
  /** Aborting it destroys the socket. */
  readonly over: AbortController;
  readonly onClosed: () => void;
}

/** A connection on which a slot was made. */
export class ReplicationConnection implements Replication {
  readonly snapshotName: string;
  readonly consistentPoint: bigint;
  readonly closed: Promise<Error>;
  readonly #client: postgres.Sql;
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #frames = new Frames();
  readonly #started = Promise.withResolvers<void>();
  #handlers: ReplicationHandlers | null = null;
  /** Whether the server listens to confirmations. */
  #streaming = false;
  /** Whether a handler is at work, and nothing is read. */
  #busy = false;
  #reason: Error | null = null;
  #confirmed: bigint;
  #confirming: ReturnType<typeof setTimeout> | undefined;
  #alive: ReturnType<typeof setInterval> | undefined;
  #pings: PromiseWithResolvers<void>[] = [];

  constructor(client: postgres.Sql, socket: Duplex, options: ConnectionOptions) {
    this.#client = client;
    this.#socket = socket;
    this.#options = options;
    this.snapshotName = options.snapshotName;
    this.consistentPoint = this.#confirmed = options.consistentPoint;
    const closed = Promise.withResolvers<Error>();
    this.closed = closed.promise;
    // Nobody may be waiting for it.
    this.#started.promise.catch(() => {});
    // postgres.js's own listener: it sees a connection that is idle until it is closed.
    socket.removeAllListeners("data");
    // Never by pause() and resume(): Deno 2.4 mixes the order of chunks up when they come close upon each other.
    socket.on("readable", () => this.#read());
    socket.on("error", (error: Error) => this.#end(error));
    socket.once("end", () => this.#end(new Error("PostgreSQL closed the connection")));
    socket.once("close", () => {
      const { reason: aborted } = options.over.signal;
      const reason = this.#reason ??
        (aborted instanceof Error ? aborted : new Error("The connection was closed"));
      this.#reason = reason;
      clearTimeout(this.#confirming);
      clearInterval(this.#alive);
      options.onClosed();
      this.#started.reject(reason);
      for (const ping of this.#pings.splice(0)) ping.reject(reason);
      // It would be made again for whatever is asked.
      client.end({ timeout: 0 }).catch(() => {});
      closed.resolve(reason);
    });
  }

  async start(handlers: ReplicationHandlers): Promise<void> {
    if (this.#handlers) throw new Error("The replication was started before");
    this.#handlers = handlers;
    if (this.#reason) throw this.#reason;
    this.#socket.write(queryMessage(this.#options.command));
    await this.#started.promise;
  }

  confirm(lsn: bigint): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    if (this.#streaming && !this.#reason) {
      this.#confirming ??= setTimeout(() => this.#report(), CONFIRM_INTERVAL);
    }
  }

  ping(): Promise<void> {
    if (this.#reason) return Promise.reject(this.#reason);
    if (!this.#streaming) return Promise.reject(new Error("The replication was not started"));
    const ping = Promise.withResolvers<void>();
    this.#pings.push(ping);
    this.#report(true);
    return ping.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reason ??= new Error("The replication was closed");
    clearTimeout(this.#confirming);
    // What it still says is not for us, but read: Terminate is waited for behind it. That leaves no error in PostgreSQL's log.
    this.#busy = false;
    this.#read();
    this.#client.end({ timeout: GRACE / 1000 }).catch(() => {});
    const grace = new AbortController();
    void this.closed.then(() => grace.abort());
    await wait(GRACE, grace.signal);
    this.#options.over.abort(this.#reason);
    await this.closed;
  }

  /** Ends the connection at once. */
  #end(reason: unknown): void {
    this.#reason ??= reason instanceof Error ? reason : new Error(String(reason));
    clearTimeout(this.#confirming);
    this.#socket.destroy();
  }

  /** Deals with all that has come. Nothing may be thrown here: there is nobody to catch it. */
  #read(): void {
    try {
      while (!this.#busy) {
        const message = this.#reason ? null : this.#frames.next();
        if (message) {
          const working = this.#message(message);
          if (working) this.#wait(working);
          continue;
        }
        const chunk: Uint8Array | null = this.#socket.read();
        if (chunk === null) return;
        if (!this.#reason) this.#frames.push(chunk);
      }
    } catch (error) {
      this.#end(error);
    }
  }

  /** Reads nothing until a handler is done: what the server has to say waits at the server. */
  #wait(working: Promise<void>): void {
    this.#busy = true;
    this.#alive = setInterval(() => this.#report(), BUSY_INTERVAL);
    working.catch((error: unknown) => this.#end(error)).finally(() => {
      clearInterval(this.#alive);
      this.#busy = false;
      this.#read();
    });
  }

  #message(message: Uint8Array): Promise<void> | undefined {
    switch (message[0]) {
      case 0x64: // d, CopyData
        return this.#copyData(message);
      case 0x57: // W, CopyBothResponse
        this.#streaming = true;
        this.#started.resolve();
        return;
      case 0x45: // E, ErrorResponse
        this.#end(errorOf(message));
        return;
      case 0x4e: // N, NoticeResponse
      case 0x53: // S, ParameterStatus
      case 0x41: // A, NotificationResponse
        return;
      case 0x63: // c, CopyDone
      case 0x43: // C, CommandComplete
        this.#end(new Error("PostgreSQL ended the replication"));
        return;
      default:
        throw new FrameError(`An unexpected message of the kind ${message[0]}`);
    }
  }

  #copyData(message: Uint8Array): Promise<void> | undefined {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const kind = message[5];
    if (kind === 0x77 && message.length >= 30) { // w, XLogData
      return this.#handlers?.message(message.subarray(30), view.getBigUint64(6)) ?? undefined;
    }
    if (kind !== 0x6b || message.length < 23) throw new FrameError("CopyData of an unknown shape"); // k, keepalive
    // What the handler confirms goes with the answer.
    this.#handlers?.position(view.getBigUint64(6));
    for (const ping of this.#pings.splice(0)) ping.resolve();
    if (message[22] === 1) this.#report();
    return;
  }

  #report(replyRequested = false): void {
    clearTimeout(this.#confirming);
    this.#confirming = undefined;
    if (!this.#reason) this.#socket.write(statusUpdate(this.#confirmed, Date.now(), replyRequested));
  }
}
