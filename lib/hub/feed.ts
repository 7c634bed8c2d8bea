/**
 * The feed of one organization: takes announcements in commit order, keeps the recent past, and hands shared chunks to the
 * viewers, grouped by filter. While it works asynchronously (reading back, catching up) announcements wait, in order.
 */

import { isVisible, newerCursor, parseCursor } from "../cursor.ts";
import { type Filter, NO_FILTER } from "../filter.ts";
import type { Log } from "../log.ts";
import { lowerOnce, type Matcher } from "../match.ts";
import { isComplete, type Notification } from "../notification.ts";
import { type DatabaseState, encodeCursor, encodeEvent, encodeLog, HEARTBEAT } from "../sse.ts";
import type { Fetched, HubStore, WholeMessage } from "./ports.ts";
import { RecentIds, RecentLogs, weight } from "./recent.ts";
import type { Viewer } from "./viewer.ts";

/** A viewer or a returning listener that missed more than this gets the newest of them, and a gap for the others. */
export const CATCH_UP_LIMIT = 10_000;

const RECENT = { logs: 10_000, bytes: 8 * 1024 * 1024 };

/** What may wait for the next flush. Far below what is kept, so that nothing is given up before it was handed on. */
const UNFLUSHED = { logs: 1000, bytes: 2 * 1024 * 1024 };

/** Announcements (of at most 8 kB each) that may wait; over it they are dropped and caught up from the table. */
const MOST_WAITING = 1000;

/** Rows read back in one query. */
const READ_BATCH = 50;

/** The size of the chunks in which fetched logs are written. */
const CHUNK = 64 * 1024;

const encoder = new TextEncoder();

const HEARTBEAT_CHUNK = encoder.encode(HEARTBEAT);

/** The viewers of one filter. */
export interface Group {
  readonly key: string;
  readonly filter: Filter;
  readonly matcher: Matcher;
  readonly looksAtText: boolean;
  readonly live: Set<Viewer>;
  readonly behind: Set<Viewer>;
  /** The cursor last written to the live viewers. */
  cursor: string | null;
}

/** What was fetched for a viewer, ready to write. */
export interface FetchedChunks {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly cursor: string;
  /** Ids in `chunks` whose announcement has not come yet. */
  readonly announcedLater: readonly number[];
}

/** What a feed needs. */
export interface FeedOptions {
  readonly organizationId: number;
  readonly store: HubStore;
  /** Asks for a {@link Feed.flush}. */
  readonly schedule: (feed: Feed) => void;
  /** Waits before trying a failed query again. */
  readonly pause: (attempt: number) => Promise<void>;
  readonly now: () => number;
  readonly onError: (message: string, error: unknown) => void;
  readonly onLeave: () => void;
  /** Added to: logs taken in, logs written to viewers. */
  readonly counts: { logs: number; sent: number };
}

/** See the module's comment. */
export class Feed {
  readonly organizationId: number;
  readonly recent = new RecentLogs(RECENT);
  readonly groups = new Map<string, Group>();
  readonly now: () => number;
  /** The newest cursor that is true for all that came in; null before the first. */
  cursor: string | null = null;
  /** Everything before this position was handed to the live viewers. */
  flushed = 0;
  readonly #options: FeedOptions;
  readonly #seen = new RecentIds(2 * RECENT.logs);
  readonly #fetches = new Map<string, Promise<FetchedChunks>>();
  #listening = false;
  #mustCatchUp = true;
  #unflushed = 0;
  #working = false;
  #waiting: Notification[] = [];
  #state: DatabaseState | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.organizationId = options.organizationId;
    this.now = options.now;
  }

  /** Whether logs come through: announcements are heard, and nothing is being caught up. */
  get ready(): boolean {
    return this.#listening && !this.#mustCatchUp && !this.#working;
  }

  /** How many viewers there are. */
  get size(): number {
    let size = 0;
    for (const group of this.groups.values()) size += group.live.size + group.behind.size;
    return size;
  }

  /** From now on every commit is announced; what was missed before is caught up first. */
  listening(): void {
    this.#listening = true;
    this.#mustCatchUp = true;
    void this.#work();
  }

  /** Nothing is heard any more. */
  disconnected(): void {
    this.#listening = false;
    this.#mustCatchUp = true;
    this.#waiting = [];
    this.#announce("reconnecting");
  }

  /** One announcement, in commit order. */
  notified(notification: Notification): void {
    if (!this.#listening) return;
    if (!this.#working && !this.#mustCatchUp && this.#isWhole(notification)) {
      return this.#accept(notification.cursor, notification.logs.filter(isComplete));
    }
    this.#waiting.push(notification);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting = [];
      this.#mustCatchUp = true;
    }
    void this.#work();
  }

  /** Hands what came in since the last flush to the live viewers, a chunk a group, and moves the others on. */
  flush(): void {
    const from = this.flushed;
    this.flushed = this.recent.next;
    this.#unflushed = 0;
    const lowers: (() => string)[] = [];
    for (const group of this.groups.values()) {
      if (group.live.size > 0 && from < this.flushed) {
        let text = "";
        for (let position = from; position < this.flushed; position++) {
          const recent = this.recent.at(position);
          if (!recent) continue;
          const lower = lowers[position - from] ??= lowerOnce(recent.whole);
          if (!group.matcher(recent.whole, lower)) continue;
          text += recent.text;
          this.#options.counts.sent += group.live.size;
        }
        if (text !== "" && this.cursor !== null) text += this.#moveCursor(group, this.cursor);
        this.#deliver(group, text);
      }
      for (const viewer of group.behind) viewer.pump();
    }
  }

  /** Writes the heartbeat, and the cursor to groups for which nothing matched in the meantime. */
  heartbeat(): void {
    for (const group of this.groups.values()) {
      for (const viewer of group.behind) {
        viewer.tell(HEARTBEAT_CHUNK);
        viewer.pump();
      }
      if (this.cursor !== null && group.cursor !== this.cursor && this.flushed === this.recent.next) {
        this.#deliver(group, this.#moveCursor(group, this.cursor) + HEARTBEAT);
      } else for (const viewer of group.live) viewer.tell(HEARTBEAT_CHUNK);
    }
  }

  /** Adds a viewer to the group of its filter. */
  join(group: Group, viewer: Viewer): void {
    group.behind.add(viewer);
    if (this.#state === "reconnecting") viewer.greet("reconnecting");
    viewer.pump();
  }

  /** Takes a viewer out. */
  leave(viewer: Viewer, group: Group): void {
    const left = group.live.delete(viewer) || group.behind.delete(viewer);
    if (!left) return;
    if (group.live.size + group.behind.size === 0) this.groups.delete(group.key);
    this.#options.onLeave();
  }

  /** Reads from the table what a viewer needs, once for all that ask the same at the same time. */
  fetch(group: Group, what: { tail: number } | { since: string }): Promise<FetchedChunks> {
    const key = JSON.stringify([what, group.key, this.recent.next]);
    const running = this.#fetches.get(key);
    if (running) return running;
    const { organizationId } = this;
    const { filter } = group;
    const query = "tail" in what
      ? this.#options.store.newest({ organizationId, filter, limit: what.tail })
      : this.#options.store.catchUp({ organizationId, filter, limit: CATCH_UP_LIMIT, since: what.since });
    const fetch = query.then((fetched) => this.#encode(fetched)).finally(() => this.#fetches.delete(key));
    this.#fetches.set(key, fetch);
    return fetch;
  }

  /** A viewer's fetch failed: waits until it may be tried again. */
  fetchFailed(error: unknown, attempt: number): Promise<void> {
    this.#options.onError("Cannot read logs for a viewer", error);
    return this.#options.pause(attempt);
  }

  /** Whether a notification can be taken in without asking the table. */
  #isWhole(notification: Notification): boolean {
    return !notification.more && notification.logs.every((log) => isComplete(log) && !this.#needsWhole(log));
  }

  #needsWhole(log: Log): boolean {
    if (!log.truncated) return false;
    for (const group of this.groups.values()) if (group.looksAtText) return true;
    return false;
  }

  #accept(cursor: string, logs: readonly Log[], wholes?: ReadonlyMap<number, WholeMessage>): void {
    for (const log of logs) {
      if (!this.#seen.add(log.id)) continue;
      this.#options.counts.logs++;
      const recent = { log, whole: wholes?.get(log.id)?.whole ?? log, text: encodeLog(log) };
      this.#unflushed += weight(recent);
      if (this.#unflushed > UNFLUSHED.bytes || this.recent.next - this.flushed >= UNFLUSHED.logs) {
        this.flush();
        this.#unflushed = weight(recent);
      }
      this.recent.push(recent);
    }
    // Last: a flush on the way must not claim what it has not handed on.
    this.cursor = newerCursor(this.cursor, cursor);
    if (this.cursor !== null) this.recent.mark(this.cursor);
    this.#options.schedule(this);
  }

  /** Works off what waits: catch-up first, then announcements in their order. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let failures = 0; this.#listening;) {
      try {
        if (this.#mustCatchUp) await this.#catchUp();
        const next = this.#waiting[0];
        if (!next) {
          if (this.#mustCatchUp) continue;
          break;
        }
        if (next.more) this.#mustCatchUp = true;
        else await this.#read(next);
        if (this.#waiting[0] === next) this.#waiting.shift();
        failures = 0;
      } catch (error) {
        this.#options.onError("Cannot catch up", error);
        this.#mustCatchUp = true;
        await this.#options.pause(failures++);
      }
    }
    this.#working = false;
    if (!this.ready) return;
    this.#announce("connected");
    // Now, before anything else can come: whoever is told that logs come through gets the next one.
    for (const group of this.groups.values()) for (const viewer of group.behind) viewer.pump();
    this.#options.schedule(this);
  }

  /** What the feed itself has missed. Too much for one go: each viewer catches up for itself, and is told its gap. */
  async #catchUp(): Promise<void> {
    const { organizationId } = this;
    this.#mustCatchUp = false;
    if (this.cursor === null) {
      this.cursor = newerCursor(this.cursor, await this.#options.store.snapshot());
      return;
    }
    const missed = await this.#options.store.catchUp({
      organizationId,
      filter: NO_FILTER,
      limit: CATCH_UP_LIMIT,
      since: this.cursor,
    });
    if (missed.gap === null) {
      const truncated = missed.logs.filter(({ log }) => this.#needsWhole(log)).map(({ log }) => log.id);
      return this.#accept(missed.cursor, missed.logs.map(({ log }) => log), await this.#readWhole(truncated));
    }
    this.flush();
    this.recent.clear();
    this.cursor = missed.cursor;
    for (const group of this.groups.values()) {
      for (const viewer of group.live) {
        viewer.lose();
        group.behind.add(viewer);
      }
      group.live.clear();
    }
  }

  /** Takes in a notification of which some logs have to be read back. */
  async #read(notification: Notification): Promise<void> {
    const ids = notification.logs.filter((log) => !isComplete(log) || this.#needsWhole(log)).map(({ id }) =>
      id
    );
    const wholes = await this.#readWhole(ids);
    // A row that is gone already (deleted since) cannot be shown.
    const logs = notification.logs.flatMap((log) => isComplete(log) ? log : wholes.get(log.id)?.log ?? []);
    this.#accept(notification.cursor, logs, wholes);
  }

  async #readWhole(ids: readonly number[]): Promise<Map<number, WholeMessage>> {
    const wholes = new Map<number, WholeMessage>();
    for (let i = 0; i < ids.length; i += READ_BATCH) {
      for (const row of await this.#options.store.read(this.organizationId, ids.slice(i, i + READ_BATCH))) {
        wholes.set(row.log.id, row);
      }
    }
    return wholes;
  }

  #encode(fetched: Fetched): FetchedChunks {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let text = fetched.gap ? encodeEvent({ event: "gap", data: fetched.gap }) : "";
    for (const { log } of fetched.logs) {
      text += encodeLog(log);
      if (text.length < CHUNK) continue;
      chunks.push(encoder.encode(text));
      text = "";
    }
    chunks.push(encoder.encode(text + encodeCursor(fetched.cursor)));
    // What is visible in the feed's cursor was announced before it; of the newer ones, those not heard of still will be.
    const known = this.cursor === null ? null : parseCursor(this.cursor);
    const announcedLater = fetched.logs
      .filter(({ log, xid }) => (known === null || !isVisible(xid, known)) && !this.#seen.has(log.id))
      .map(({ log }) => log.id);
    return { chunks, cursor: fetched.cursor, announcedLater };
  }

  #moveCursor(group: Group, cursor: string): string {
    if (group.cursor === cursor) return "";
    group.cursor = cursor;
    return encodeCursor(cursor);
  }

  #deliver(group: Group, text: string): void {
    if (text === "") return;
    const chunk = encoder.encode(text);
    for (const viewer of group.live) viewer.deliver(chunk, this.flushed, group.cursor);
  }

  #announce(state: DatabaseState): void {
    const changed = this.#state !== null && this.#state !== state;
    this.#state = state;
    const chunk = encoder.encode(encodeEvent({ event: "status", data: { database: state } }));
    for (const group of this.groups.values()) {
      for (const viewer of [...group.live, ...group.behind]) {
        viewer.greet(state);
        if (changed) viewer.tell(chunk);
      }
    }
  }
}
