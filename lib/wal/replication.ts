/**
 * A connection on which PostgreSQL tells what was committed (PostgreSQL manual, Streaming Replication Protocol and Logical
 * Streaming Replication Protocol), by a slot that goes with it.
 *
 * postgres.js connects, authenticates and makes the slot; from then on the socket is read here. Of a stream of its own it would not
 * tell why the server ended it, may fail before anybody can listen for that, and ends it by a message that PostgreSQL logs as an error.
 */

import type { Duplex } from "node:stream";
import { within } from "../backoff.ts";
import { connectReplication } from "../database.ts";
import { ReplicationConnection } from "./_connection.ts";
import { parseLsn } from "./lsn.ts";

/** What a replication is opened with. Times are in milliseconds. */
export interface ReplicationOptions {
  readonly url: string;
  /** A name that no other slot has: up to 63 lower-case letters, digits and underscores. */
  readonly slot: string;
  readonly publication: string;
  /** Closes the socket at once, whether the other side answers or not. */
  readonly signal: AbortSignal;
  /**
   * How long each transaction that is open when the slot is made is waited for, prepared ones included: the slot begins when they all have
   * ended. In all it may take three times as long. Default 10,000.
   */
  readonly createTimeout?: number;
}

/** What a replication hands on. What these throw ends it. */
export interface ReplicationHandlers {
  /**
   * A message of pgoutput. Its bytes are those of a larger buffer: what is kept of them is to be copied. While a promise that it
   * returned is pending, nothing more is read.
   */
  readonly message: (message: Uint8Array, lsn: bigint) => void | Promise<void>;
  /** Every transaction that was committed before `lsn` has been handed on. */
  readonly position: (lsn: bigint) => void;
}

/** See the module's comment. */
export interface Replication extends AsyncDisposable {
  /** For `SET TRANSACTION SNAPSHOT`, until {@link start}: what it sees was committed before the slot, and nothing else. */
  readonly snapshotName: string;
  /** Where the slot begins. */
  readonly consistentPoint: bigint;
  /** Settles, with the reason, once the connection is closed, whoever closed it. Never rejects. */
  readonly closed: Promise<Error>;
  /** Begins to hand on; settles when the server has agreed. Once only. */
  start(handlers: ReplicationHandlers): Promise<void>;
  /**
   * Says that everything before `lsn` has been dealt with, soon. PostgreSQL keeps the WAL behind it, and does not end (a fast shutdown)
   * before all that it has sent is confirmed: confirm positions too.
   */
  confirm(lsn: bigint): void;
  /**
   * Asks for a sign of life; settles with the next position, which may have been on its way already. After {@link start} alone. While
   * PostgreSQL reads a large transaction that is not published, it may be silent for half of wal_sender_timeout, which is 30 s.
   */
  ping(): Promise<void>;
}

/**
 * Connects and makes the slot.
 *
 * @throws what PostgreSQL or the network says, `code` 55P03 when a transaction stayed open for too long; the signal's reason
 */
export async function openReplication(options: ReplicationOptions): Promise<Replication> {
  const { url, slot, signal, createTimeout = 10_000 } = options;
  if (!/^[a-z0-9_]{1,63}$/u.test(slot)) throw new RangeError(`Not a name for a slot: ${slot}`);
  const over = new AbortController();
  const abort = () => over.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  let socket: Duplex | undefined;
  const client = connectReplication(url, {
    signal: over.signal,
    lockTimeout: createTimeout,
    onsocket: (made) => socket = made,
  });
  try {
    // The snapshot lives as long as nothing else is asked on the connection.
    const creating = client<{ consistent_point: string; snapshot_name: string }[]>`
      CREATE_REPLICATION_SLOT ${client(slot)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`.simple();
    const [row] = await within(3 * createTimeout, creating, "The replication slot took too long to make");
    over.signal.throwIfAborted();
    if (!row || !socket) throw new Error("PostgreSQL made no replication slot");
    return new ReplicationConnection(client, socket, {
      snapshotName: row.snapshot_name,
      consistentPoint: parseLsn(row.consistent_point),
      command: startCommand(options, row.consistent_point),
      onClosed: () => signal.removeEventListener("abort", abort),
      over,
    });
  } catch (error) {
    signal.removeEventListener("abort", abort);
    client.end({ timeout: 0 }).catch(() => {});
    over.abort(error);
    throw signal.aborted ? signal.reason : error;
  }
}

/** A literal that holds a list of identifiers. */
function startCommand({ slot, publication }: ReplicationOptions, at: string): string {
  const names = `"${publication.replaceAll('"', '""')}"`.replaceAll("'", "''");
  return `START_REPLICATION SLOT "${slot}" LOGICAL ${at} (proto_version '1', publication_names '${names}')`;
}
