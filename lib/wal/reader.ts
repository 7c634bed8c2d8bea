/** Puts the messages of pgoutput together to transactions, with the logs that somebody watches. Pure. */

import type { WholeMessage } from "../hub/ports.ts";
import { decodePgOutput, type Insert, type Relation } from "./pgoutput.ts";
import { type LogTexts, walLog } from "./wal_log.ts";
import { widenXid } from "./wide_xid.ts";

/** A transaction that has committed, with at least one row in `logs`. */
export interface WalTransaction {
  readonly xid: bigint;
  /** Where its commit is written. */
  readonly lsn: bigint;
  /** The logs of watched organizations, in the order of their insertion. */
  readonly logs: readonly TransactionLog[];
  /** Characters of their messages. */
  readonly size: number;
  /** Organizations of which there may be more: too many logs, or some from before they were watched. */
  readonly more: Set<number>;
}

/** A log of a transaction. */
export interface TransactionLog {
  readonly organizationId: number;
  readonly log: WholeMessage;
}

/** What is kept of a transaction at most. */
const MOST = { logs: 20_000, characters: 8 * 1024 * 1024 };

/** What {@link createWalReader} needs. */
export interface WalReaderOptions {
  readonly isWatched: (organizationId: number) => boolean;
  /** A transaction id from not long ago. */
  readonly near: () => bigint;
  readonly committed: (transaction: WalTransaction) => void;
}

/** See the module's comment. */
export interface WalReader {
  /**
   * Takes one message. Returns up to where everything was told of, or null in the midst of a transaction.
   *
   * @throws {WalReaderError} when columns are missing; what `decodePgOutput()` and `walLog()` throw
   */
  read(message: Uint8Array): bigint | null;
  /** An organization is watched from now on. */
  watched(organizationId: number): void;
}

const COLUMNS = ["id", "organization_id", "timestamp", "level", "service", "message", "metadata"] as const;

/** Where the columns of a table are. */
type Places = Readonly<Record<typeof COLUMNS[number], number>>;

/** What is told is not what logs are made of. Nobody may be told that there were none. */
export class WalReaderError extends Error {
  override readonly name = "WalReaderError";
}

/** Of another table there are none. */
function placesOf({ columns }: Relation): Places | null {
  const places = COLUMNS.map((name) => [name, columns.indexOf(name)] as const);
  return places.every(([, place]) => place >= 0) ? Object.fromEntries(places) as unknown as Places : null;
}

/** Makes one. */
export function createWalReader({ isWatched, near, committed }: WalReaderOptions): WalReader {
  const tables = new Map<number, Places>();
  let latest: bigint | null = null;
  let current:
    | { -readonly [Key in keyof WalTransaction]: WalTransaction[Key] } & { logs: TransactionLog[] }
    | null = null;
  let isEmpty = true;

  function insert(row: Insert): void {
    const places = tables.get(row.relation);
    if (!places || !current) return;
    isEmpty = false;
    const organizationId = Number(row.value(places.organization_id));
    if (!isWatched(organizationId)) return;
    if (current.logs.length >= MOST.logs || current.size >= MOST.characters) {
      current.more.add(organizationId);
      return;
    }
    const text = (name: keyof Places) => row.value(places[name]) ?? "";
    const texts: LogTexts = {
      id: text("id"),
      timestamp: text("timestamp"),
      level: text("level"),
      service: text("service"),
      message: text("message"),
      metadata: row.value(places.metadata) ?? null,
    };
    current.size += texts.message.length + (texts.metadata?.length ?? 0);
    current.logs.push({ organizationId, log: walLog(texts) });
  }

  return {
    read(bytes) {
      const message = decodePgOutput(bytes);
      switch (message?.kind) {
        case "relation": {
          const places = placesOf(message);
          if (places) tables.set(message.id, places);
          else if (message.name === "logs" || tables.has(message.id)) {
            throw new WalReaderError("The publication does not tell all columns of the logs");
          }
          return null;
        }
        case "begin":
          latest = widenXid(message.xid, latest ?? near());
          current = { xid: latest, lsn: message.finalLsn, logs: [], size: 0, more: new Set() };
          isEmpty = true;
          return null;
        case "insert":
          insert(message);
          return null;
        case "commit": {
          const done = current;
          current = null;
          if (done && !isEmpty) committed(done);
          return message.endLsn;
        }
        default:
          return null;
      }
    },
    watched: (organizationId) => void current?.more.add(organizationId),
  };
}
