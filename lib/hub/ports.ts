/** What the hub needs from the rest: where logs are announced, and where they are kept. */

import type { Filter } from "../filter.ts";
import type { Log } from "../log.ts";
import type { MetadataPath } from "../metadata_path.ts";
import type { Notification } from "../notification.ts";
import type { Gap } from "../sse.ts";

/** Where logs are announced: the listener. It tells the hub what it hears through the hub's {@link SourceEvents}. */
export interface Source {
  /** Wants to hear of an organization; `SourceEvents.listening` tells when it does. */
  watch(organizationId: number): void;
  /** Does not want to hear of it any more. */
  unwatch(organizationId: number): void;
}

/** What a source tells the hub. */
export interface SourceEvents {
  /**
   * From now on every commit of the organization is announced. Said again after each reconnect. Without `isSettled` not all of
   * them are: it is said again when some of those that may not be have ended, and with it when all have.
   */
  listening(organizationId: number, isSettled: boolean): void;
  /** One payload, in commit order. */
  notified(organizationId: number, payload: string): void;
  /** The same of a source that has no payloads. */
  announced(organizationId: number, notification: Notification): void;
  /**
   * Commits may have gone by unannounced, though the source listens: they are caught up. Cursors may claim them all the same;
   * all that is visible in the snapshot `since` was announced, or was caught up in this way before.
   */
  missed(since: string | null): void;
  /** Something may have been committed: where not everything is announced, the table is asked. */
  changed(organizationId: number): void;
  /** Commits are missed from now on until `listening` is said again. */
  disconnected(reason: string): void;
}

/** A cursor that is ahead of the database: of another one, or of a past that this one has lost. */
export class ForeignCursorError extends Error {
  override readonly name = "ForeignCursorError";
  constructor() {
    super("The database is not the one that the cursor is of, or an older state of it");
  }
}

/** Logs read from the table, for viewers or for the hub itself. */
export interface Fetched {
  /** The oldest, which come before the gap; empty without one. */
  readonly head: readonly FetchedLog[];
  /** The others, in the order in which they are to be sent. */
  readonly logs: readonly FetchedLog[];
  /** Everything visible in this snapshot is among the logs, in `gap`, or was known to the asker. */
  readonly cursor: string;
  /** When the database that told it was started; only to be compared. */
  readonly started: string;
  readonly gap: Gap | null;
  /** Only a part, for there was much to read: there may be more after the cursor. Never without a filter. */
  readonly partial?: true;
}

/** A row of the table: the log (its message a preview where it is long) and the transaction that wrote it. */
export interface FetchedLog {
  readonly log: Log;
  readonly xid: bigint;
}

/** Where logs are kept: the table. Every method may reject while the database is away. */
export interface HubStore {
  /** The current snapshot, as a cursor. */
  snapshot(): Promise<string>;
  /**
   * What a cursor has not seen, in the order of transactions; what is too much is counted in a gap.
   *
   * Rejects with {@link ForeignCursorError} where the cursor is ahead of the database.
   */
  catchUp(query: CatchUpQuery): Promise<Fetched>;
  /** The newest logs, oldest first. */
  newest(query: FetchQuery): Promise<Fetched>;
  /** The logs of these ids with their whole messages, and their metadata if wanted; ids that do not exist are left out. */
  read(
    organizationId: number,
    ids: readonly number[],
    withMetadata?: boolean,
  ): Promise<readonly WholeMessage[]>;
}

/** A log as it is sent, beside the same log with its whole message (and without `truncated`). */
export interface WholeMessage {
  readonly log: Log;
  readonly whole: Log;
  /** As JSON, `null` where there is none. */
  readonly metadata?: string;
}

/** What was missed since a cursor: the newest up to `limit`, and of the others so many of the oldest as `head`. */
export interface CatchUpQuery extends FetchQuery {
  readonly since: string;
  readonly head: number;
  /** Ids that the asker has, although the cursor has not seen them. */
  readonly had: readonly number[];
}

/** Which logs to fetch, and how many at most. */
export interface FetchQuery {
  readonly organizationId: number;
  readonly filter: Filter;
  /** What of the metadata comes with each log, as {@link Log.fields}. */
  readonly columns?: readonly MetadataPath[];
  readonly limit: number;
}
