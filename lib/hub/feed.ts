/**
 * The feed of one organization: takes announcements in commit order, keeps the recent past, and hands shared chunks to the
 * viewers, grouped by filter. While it works asynchronously (reading back, catching up) announcements wait, in order.
 */

import { isVisible, newerCursor, parseCursor } from "../cursor.ts";
import { type Filter, NO_FILTER } from "../filter.ts";
import type { Log } from "../log.ts";
import { foldOnce, type Matcher } from "../match.ts";
import { isComplete, type Notification, type NotifiedLog } from "../notification.ts";
import { type DatabaseState, encodeCursor, encodeLog, HEARTBEAT } from "../sse.ts";
import { type Backlog, type BacklogHolder, type Backlogs, encodeBacklog } from "./backlog.ts";
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

/**
 * A gap counts what its viewer is not sent. One that returns has a few logs already which its cursor has not seen: those of the
 * transactions that had just committed. They are the oldest of what it missed, so it is sent so many of these again.
 */
export const GAP_HEAD = 1000;

/** Rows read back in one query, of at most 1 MiB each. */
const READ_BATCH = 50;

/** How long announcements may still come of what was visible in the cursor with which the feed began, in milliseconds. */
const SETTLING = 30_000;

/** How long what was fetched for one viewer is kept for others that missed the same. */
const KEPT_MILLISECONDS = 10_000;

const encoder = new TextEncoder();

const HEARTBEAT_CHUNK = encoder.encode(HEARTBEAT);

const NOTHING: ReadonlyMap<number, WholeMessage> = new Map();

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

/** What a viewer wants of the table: the newest logs before `cursor`, or what it has missed since. */
export type Wanted = { readonly tail: number; readonly cursor: string } | {
  readonly since: string;
  /** Its place, where it has lost one since: all before it was sent, also what the cursor has not seen. `null` for none. */
  readonly place: number | null;
};

/** Logs read from the table for all that ask the same. */
export interface Fetch {
  readonly backlog: Promise<Backlog>;
  /** Where to go on in the recent past after it. */
  readonly from: number;
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
  readonly backlogs: Backlogs;
  readonly onError: (message: string, error: unknown) => void;
  readonly onLeave: () => void;
  /** Added to: logs taken in, logs written to viewers, questions to the table for viewers. */
  readonly counts: { logs: number; sent: number; fetches: number };
}

/** See the module's comment. */
export class Feed {
  readonly organizationId: number;
  readonly recent = new RecentLogs(RECENT);
  readonly groups = new Map<string, Group>();
  readonly backlogs: Backlogs;
  readonly now: () => number;
  /** Everything before this position was handed to the live viewers. */
  flushed = 0;
  /** The newest cursor that is true for whoever was sent all before {@link flushed}; null before the first. */
  flushedCursor: string | null = null;
  /** The newest cursor that is true for all that came in; null before the first. */
  #cursor: string | null = null;
  readonly #options: FeedOptions;
  readonly #seen = new RecentIds(3 * RECENT.logs);
  readonly #fetches = new Map<string, Fetch>();
  readonly #kept = new Set<BacklogHolder & { readonly until: number }>();
  #settled = 0;
  #listening = false;
  #mustCatchUp = true;
  #unflushed = 0;
  #working = false;
  #waiting: Notification[] = [];
  #state: DatabaseState | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.organizationId = options.organizationId;
    this.backlogs = options.backlogs;
    this.now = options.now;
  }

  /** Whether logs come through: announcements are heard, and nothing is being caught up. */
  get ready(): boolean {
    return this.#listening && !this.#mustCatchUp && !this.#working;
  }

  /** What viewers are told; null before anything is known. */
  get state(): DatabaseState | null {
    return this.#state;
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
    this.#dropKept();
    this.#announce("reconnecting");
  }

  /** One announcement, in commit order. */
  notified(notification: Notification): void {
    if (!this.#listening) return;
    if (!this.#working && !this.#mustCatchUp && this.#isWhole(notification)) {
      this.recent.mark(notification.cursor);
      this.#push(notification.logs.filter(isComplete), NOTHING);
      return this.#advance(notification.cursor);
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
    this.flushedCursor = this.#cursor;
    this.#unflushed = 0;
    const folded: (() => string)[] = [];
    for (const group of this.groups.values()) {
      if (group.live.size > 0 && from < this.flushed) {
        let text = "";
        for (let position = from; position < this.flushed; position++) {
          const recent = this.recent.at(position);
          if (!recent) continue;
          const once = folded[position - from] ??= foldOnce(recent.whole);
          if (!group.matcher(recent.whole, once)) continue;
          text += recent.text;
          this.#options.counts.sent += group.live.size;
        }
        if (text !== "") this.#deliver(group, text + this.#moveCursor(group));
      }
      for (const viewer of group.behind) viewer.pump();
    }
  }

  /** Writes the heartbeat, and the cursor to groups for which nothing matched in the meantime. */
  heartbeat(): void {
    this.#dropKept(this.now());
    for (const group of this.groups.values()) {
      for (const viewer of group.behind) {
        viewer.tell(HEARTBEAT_CHUNK);
        viewer.pump();
      }
      if (group.live.size === 0) continue;
      const cursor = this.flushed === this.recent.next ? this.#moveCursor(group) : "";
      if (cursor !== "") this.#deliver(group, cursor + HEARTBEAT);
      else for (const viewer of group.live) viewer.tell(HEARTBEAT_CHUNK);
    }
  }

  /** Hands on what came in, and the cursor, then ends every stream. Each viewer is told when to return, in milliseconds. */
  close(returnAfter: () => number): void {
    this.flush();
    for (const group of this.groups.values()) {
      const cursor = this.#moveCursor(group);
      if (cursor !== "") this.#deliver(group, cursor);
      for (const viewer of [...group.live, ...group.behind]) viewer.close(Math.round(returnAfter()));
    }
    this.disconnected();
  }

  /** Adds a viewer to the group of its filter. */
  join(group: Group, viewer: Viewer): void {
    group.behind.add(viewer);
    viewer.begin();
  }

  /** Takes a viewer out. */
  leave(viewer: Viewer, group: Group): void {
    const left = group.live.delete(viewer) || group.behind.delete(viewer);
    if (!left) return;
    if (group.live.size + group.behind.size === 0) this.groups.delete(group.key);
    this.#options.onLeave();
  }

  /**
   * Reads from the table what a viewer needs, once for all that ask the same: a thousand that were cut off at once return
   * within seconds, with the same cursor. Whoever asks goes on from `from`, or from where an earlier one did. A tail does not
   * move the cursor: it may leave out logs that come from there on.
   */
  fetch(group: Group, what: Wanted, from: number): Fetch {
    const key = JSON.stringify("tail" in what ? [what, group.key, from] : [what, group.key]);
    const known = this.#fetches.get(key);
    if (known && !this.isGivenUp(group, known.from)) return known;
    this.#options.counts.fetches++;
    const { organizationId } = this;
    const { filter } = group;
    const { store } = this.#options;
    const backlog = "tail" in what
      ? store.newest({ organizationId, filter, limit: what.tail }).then((fetched) => {
        const { here, later } = this.#comesAgain(fetched, from);
        const logs = fetched.logs.filter(({ log }) => !here.has(log.id));
        return encodeBacklog({ head: [], logs, gap: null, cursor: what.cursor }, { again: later });
      })
      : store.catchUp({
        organizationId,
        filter,
        limit: CATCH_UP_LIMIT,
        since: what.since,
        head: what.place === null ? GAP_HEAD : 0,
        had: what.place === null ? [] : this.#seen.before(what.place),
      }).then(
        (fetched) => {
          const { here, later } = this.#comesAgain(fetched, from);
          return encodeBacklog(fetched, { since: what.since, again: here.union(later) });
        },
      );
    const fetch: Fetch = { backlog, from };
    this.#fetches.set(key, fetch);
    const forget = () => {
      if (this.#fetches.get(key) === fetch) this.#fetches.delete(key);
    };
    backlog.then((backlog) => "tail" in what ? forget() : this.#keep(backlog, forget), forget);
    return fetch;
  }

  /** Whether memory cannot tell what comes from a position on: gone, or a preview where the filter needs the whole. */
  isGivenUp(group: Group, position: number): boolean {
    const { recent } = this;
    return position < recent.first || (group.looksAtText && position <= recent.previewOnly);
  }

  /** A viewer's fetch failed: waits until it may be tried again. */
  fetchFailed(error: unknown, attempt: number): Promise<void> {
    this.#options.onError("Cannot read logs for a viewer", error);
    return this.#options.pause(attempt);
  }

  /** Keeps what was fetched for those who will ask the same, until others need the room or its time is over. */
  #keep(backlog: Backlog, forget: () => void): void {
    const holder = {
      until: this.now() + KEPT_MILLISECONDS,
      dropBacklog: () => {
        this.#kept.delete(holder);
        this.backlogs.release(backlog, holder);
        forget();
      },
    };
    this.#kept.add(holder);
    this.backlogs.take(backlog, holder);
  }

  #dropKept(until = Infinity): void {
    for (const holder of this.#kept) if (holder.until <= until) holder.dropBacklog();
  }

  /** Whether a notification can be taken in without asking the table. */
  #isWhole(notification: Notification): boolean {
    return !notification.more && !notification.logs.some((log) => this.#mustRead(log));
  }

  #mustRead(log: NotifiedLog): boolean {
    if (!isComplete(log)) return true;
    if (!log.truncated) return false;
    for (const group of this.groups.values()) if (group.looksAtText) return true;
    return false;
  }

  #push(logs: readonly Log[], wholes: ReadonlyMap<number, WholeMessage>): void {
    for (const log of logs) {
      if (!this.#seen.add(log.id, this.recent.next)) continue;
      this.#options.counts.logs++;
      const recent = { log, whole: wholes.get(log.id)?.whole ?? log, text: encodeLog(log) };
      this.#unflushed += weight(recent);
      if (this.#unflushed > UNFLUSHED.bytes || this.recent.next - this.flushed >= UNFLUSHED.logs) {
        this.flush();
        this.#unflushed = weight(recent);
      }
      this.recent.push(recent);
    }
  }

  /** To be called after all that the cursor claims was pushed: a flush on the way must not claim what it has not handed on. */
  #advance(cursor: string): void {
    this.#cursor = newerCursor(this.#cursor, cursor);
    this.#options.schedule(this);
  }

  /** Works off what waits: catch-up first, then announcements in their order. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let failures = 0; this.#listening;) {
      try {
        if (this.#mustCatchUp) await this.#catchUp();
        // Asked for once more in the meantime: announcements that wait now do not follow on what was caught up.
        if (this.#mustCatchUp) continue;
        const next = this.#waiting[0];
        if (!next) break;
        if (next.more) this.#mustCatchUp = true;
        else await this.#read(next);
        if (this.#waiting[0] === next) this.#waiting.shift();
        failures = 0;
      } catch (error) {
        this.#options.onError("Cannot catch up", error);
        this.#mustCatchUp = true;
        this.#announce("reconnecting");
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
    const { store } = this.#options;
    this.#mustCatchUp = false;
    if (this.#cursor === null) {
      const cursor = await store.snapshot();
      this.recent.mark(cursor);
      this.#cursor = this.flushedCursor = cursor;
      this.#settled = this.now() + SETTLING;
      return;
    }
    const missed = await store.catchUp({
      organizationId,
      filter: NO_FILTER,
      limit: CATCH_UP_LIMIT,
      since: this.#cursor,
      head: 0,
      had: [],
    });
    if (missed.gap === null) await this.#readAndPush(missed.logs.map(({ log }) => log));
    else {
      this.flush();
      this.recent.clear();
      this.#settled = this.now() + SETTLING;
      for (const group of this.groups.values()) {
        for (const viewer of group.live) {
          viewer.lose();
          group.behind.add(viewer);
        }
        group.live.clear();
      }
    }
    this.recent.mark(missed.cursor);
    // Never older than what it replaces, unless the database is another one by now: a standby that took over.
    this.#cursor = missed.cursor;
    this.#options.schedule(this);
  }

  /** Takes in a notification of which some logs have to be read back. */
  async #read(notification: Notification): Promise<void> {
    this.recent.mark(notification.cursor);
    await this.#readAndPush(notification.logs);
    this.#advance(notification.cursor);
  }

  /** Takes logs in, and reads back what must be; a few at a time, for messages may be long. */
  async #readAndPush(logs: readonly NotifiedLog[]): Promise<void> {
    for (let i = 0; i < logs.length; i += READ_BATCH) {
      const batch = logs.slice(i, i + READ_BATCH);
      const ids = batch.filter((log) => this.#mustRead(log)).map(({ id }) => id);
      const rows = ids.length > 0 ? await this.#options.store.read(this.organizationId, ids) : [];
      const wholes = new Map(rows.map((row) => [row.log.id, row]));
      // A row that is gone already (deleted since) cannot be shown.
      this.#push(batch.flatMap((log) => isComplete(log) ? log : wholes.get(log.id)?.log ?? []), wholes);
    }
  }

  /** Which of the fetched logs whoever goes on from a position comes upon once more: those that are there, and that will be. */
  #comesAgain({ logs }: Fetched, from: number): { here: Set<number>; later: Set<number> } {
    const announced = new Set<number>();
    for (let position = from; position < this.recent.next; position++) {
      const recent = this.recent.at(position);
      if (recent) announced.add(recent.log.id);
    }
    const known = this.#cursor === null ? null : parseCursor(this.#cursor);
    const settling = this.now() < this.#settled;
    const here = new Set<number>();
    const later = new Set<number>();
    for (const { log: { id }, xid } of logs) {
      if (announced.has(id)) here.add(id);
      else if (this.#seen.has(id)) continue;
      // What is visible in the cursor was announced before it. Of the rest, what was not heard of yet still will be.
      else if (known === null || !isVisible(xid, known)) later.add(id);
      // Committed between LISTEN and the first cursor: nobody was promised its announcement, which may be on its way.
      else if (settling) this.#seen.add(id, this.recent.next);
    }
    return { here, later };
  }

  /** The cursor, where it is not what the group was told last. */
  #moveCursor(group: Group): string {
    if (this.flushedCursor === null || group.cursor === this.flushedCursor) return "";
    group.cursor = this.flushedCursor;
    return encodeCursor(group.cursor);
  }

  #deliver(group: Group, text: string): void {
    const chunk = encoder.encode(text);
    for (const viewer of group.live) viewer.deliver(chunk, this.flushed, group.cursor);
  }

  #announce(state: DatabaseState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const group of this.groups.values()) {
      for (const viewer of group.live) viewer.inform(state);
      for (const viewer of group.behind) viewer.inform(state);
    }
  }
}
