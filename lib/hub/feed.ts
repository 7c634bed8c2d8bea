/**
 * The feed of one organization: takes announcements in commit order, keeps the recent past, and hands shared chunks to the
 * viewers, grouped by filter. While it works asynchronously (reading back, catching up) announcements wait, in order.
 */

import { asked, clampCursor, newerCursor, xmaxOf } from "../cursor.ts";
import { NO_FILTER } from "../filter.ts";
import type { Notification, NotifiedLog } from "../notification.ts";
import type { DatabaseState, DatabaseStatus } from "../sse.ts";
import { databaseStatus, encodeLog } from "../sse.ts";
import { CATCH_UP_LIMIT, READ_BATCH, RECENT, SEEN, SETTLING, UNFLUSHED } from "./bounds.ts";
import type { Backlogs } from "./backlog.ts";
import { comesAgain } from "./comes_again.ts";
import { type Fetch, Fetches } from "./fetches.ts";
import { type FeedOptions, type Group, type Place, viewersOf, type Wanted } from "./group.ts";
import { beat, handOn } from "./hand_on.ts";
import { type Fetched, ForeignCursorError } from "./ports.ts";
import { ReadBack, type TakenLog } from "./read_back.ts";
import { RecentIds, RecentLogs, weight } from "./recent.ts";
import type { Viewer } from "./viewer.ts";
import { Waiting } from "./waiting.ts";

/** See the module's comment. */
export class Feed {
  readonly organizationId: number;
  recent = new RecentLogs(RECENT);
  readonly groups = new Map<string, Group>();
  readonly backlogs: Backlogs;
  readonly now: () => number;
  /** Where the live viewers stand, or will once a flush that is under way has ended. */
  #place: Place = { position: 0, cursor: null };
  /** The newest cursor that is true for all that came in; null before the first. */
  #cursor: string | null = null;
  /** The first one. */
  #began: string | null = null;
  /** Where the next catch-up has to begin, if that is older. */
  #since: string | null = null;
  /** The database was started since: the first transaction id that cursors may not claim. */
  #restart: { readonly xid: bigint; readonly started: string } | null = null;
  /** The greatest id of a log that was handed to anybody. */
  #newest = 0;
  readonly #options: FeedOptions;
  #seen = new RecentIds(SEEN);
  readonly #fetches: Fetches;
  readonly #readBack: ReadBack;
  /** The cursor with which memory began, until when announcements may come of what it claims. */
  #settling: { readonly cursor: string; readonly until: number } | null = null;
  #listening = false;
  /** Whether all commits are announced. While not, announcements are but the occasion to ask the table. */
  #settled = true;
  #mustCatchUp = true;
  /** The same, once this has ended and viewers have had their turn. */
  #mustCatchUpAgain = false;
  /** What came in before this position was handed on, or is by a flush under way; how much has come in since. */
  #flushedFrom = 0;
  #unflushed = 0;
  #working = false;
  readonly #waiting = new Waiting();
  #status: DatabaseStatus | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.organizationId = options.organizationId;
    this.backlogs = options.backlogs;
    this.now = options.now;
    this.#fetches = this.#createFetches();
    const { organizationId, store } = options;
    this.#readBack = new ReadBack({ organizationId, store, groups: this.groups });
  }

  /** Whether logs come through: announcements are heard, and nothing is being caught up. */
  get ready(): boolean {
    return this.#listening && !this.#mustCatchUp && !this.#working;
  }

  /** What viewers are told; null before anything is known. */
  get status(): DatabaseStatus | null {
    return this.#status;
  }

  /** How many viewers there are. */
  get size(): number {
    return this.groups.values().reduce((size, { live, behind }) => size + live.size + behind.size, 0);
  }

  /** From now on every commit is announced, see {@link Hub.listening}; what was missed before is caught up first. */
  listening(isSettled: boolean): void {
    this.#listening = true;
    this.#settled = isSettled;
    this.#mustCatchUp = true;
    void this.#work();
  }

  /** Nothing is heard any more. */
  disconnected(): void {
    this.#listening = false;
    this.#mustCatchUp = true;
    this.#mustCatchUpAgain = false;
    this.#waiting.clear();
    this.#fetches.drop(true);
    this.#announce("reconnecting");
  }

  /** Commits after `since` (null: after the cursor) may have gone by unannounced: they are caught up. */
  missed(since: string | null): void {
    if (since === null && this.#working) {
      // It may be said every second, and catching up take as long: viewers have their turn between.
      this.#mustCatchUpAgain = true;
      return;
    }
    if (since !== null && (this.#since === null || xmaxOf(since) < xmaxOf(this.#since))) this.#since = since;
    this.#mustCatchUp = true;
    void this.#work();
  }

  /** See {@link Hub.restarted}. The next catch-up looks what has become of the newest log. */
  restarted(xid: bigint, started: string): void {
    if (this.#cursor === null) return;
    // Of several the oldest id, which claims least, and the newest start.
    const before = this.#restart;
    this.#restart = { xid: before !== null && before.xid < xid ? before.xid : xid, started };
  }

  /** The problem of the database has changed. Whoever waits for `ready` is told of it with that. */
  report(): void {
    if (this.#status === null) return;
    this.#status = databaseStatus(this.#status.database, this.#options.problem());
    for (const viewer of viewersOf(this.groups)) viewer.renew();
  }

  /** One announcement, in commit order. */
  notified(notification: Notification): void {
    if (!this.#listening) return;
    // Its cursor may claim what was not announced. What the table tells has one that does not.
    if (!this.#settled) return this.changed();
    if (!this.#working && !this.#mustCatchUp && this.#isWhole(notification)) {
      this.recent.mark(notification.cursor);
      this.#push(notification.logs.flatMap((log) => this.#readBack.take(log) ?? []));
      return this.#advance(notification.cursor);
    }
    if (!this.#waiting.push(notification)) this.#mustCatchUp = true;
    void this.#work();
  }

  /** Something may have been committed that is not announced. */
  changed(): void {
    if (!this.#listening || this.#settled) return;
    this.#mustCatchUpAgain = true;
    this.#catchUpAgain();
  }

  /** Everything before this position was handed to the live viewers. */
  get flushed(): number {
    return this.#place.position;
  }

  /** The newest cursor that is true for whoever was sent all before {@link flushed}; null before the first. */
  get flushedCursor(): string | null {
    return this.#place.cursor;
  }

  /** Counts logs that were written to viewers. */
  sent(count: number): void {
    this.#options.counts.sent += count;
  }

  /** Hands what came in to the live viewers, the same bytes to all of a group at the same place, and moves the others on. */
  flush(): void {
    for (const _ of this.flushInSteps());
  }

  /** The same in steps, see {@link handOn}. Another flush may come between. */
  *flushInSteps(): Generator<void> {
    this.#unflushed = 0;
    this.#flushedFrom = this.recent.next;
    this.#moveOn();
    yield* handOn(this, () => this.#moveOn());
  }

  /** Writes the heartbeat, in steps as well. */
  *beatInSteps(): Generator<void> {
    this.#fetches.drop();
    yield* beat(this, () => this.#place);
  }

  /** Hands on what came in, and the cursor, then ends every stream. Each viewer is told when to return, in milliseconds. */
  close(returnAfter: () => number): void {
    this.flush();
    for (const viewer of viewersOf(this.groups)) viewer.close(this.#place, Math.round(returnAfter()));
    this.disconnected();
  }

  /** Adds a viewer to the group of its filter. */
  join(group: Group, viewer: Viewer): void {
    if (!this.groups.has(group.key)) {
      // What came so far was read for others, if at all.
      group.undecided = this.recent.next - 1;
      this.groups.set(group.key, group);
      if (group.needsMetadata) this.#readBack.needy.add(group);
    }
    group.behind.add(viewer);
    viewer.begin();
  }

  /** Takes a viewer out. */
  leave(viewer: Viewer, group: Group): void {
    const left = group.live.delete(viewer) || group.behind.delete(viewer);
    if (!left) return;
    if (group.live.size + group.behind.size === 0) {
      this.groups.delete(group.key);
      this.#readBack.needy.delete(group);
    }
    this.#options.onLeave();
  }

  /** Reads from the table what a viewer needs, see {@link Fetches.fetch}. */
  fetch(group: Group, what: Wanted, from: number): Fetch {
    return this.#fetches.fetch(group, what, from);
  }

  /** Whether memory cannot tell what comes from a position on: gone, or without the whole message or the metadata that is needed. */
  isGivenUp(group: Group, position: number): boolean {
    const { recent } = this;
    return position < recent.first || (group.looksAtText && position <= recent.previewOnly) ||
      (group.needsMetadata && position <= group.undecided);
  }

  /** A viewer's fetch failed: waits until it may be tried again. */
  fetchFailed(error: unknown, attempt: number): Promise<void> {
    this.#options.onError("Cannot read logs for a viewer", error);
    return this.#options.pause(attempt);
  }

  /** All that came in is what is handed on. */
  #moveOn(): Place {
    const [position, cursor] = [this.recent.next, this.#cursor];
    if (this.#place.position !== position || this.#place.cursor !== cursor) {
      this.#place = { position, cursor };
    }
    return this.#place;
  }

  /** Whether a notification can be taken in without asking the table. */
  #isWhole(notification: Notification): boolean {
    return !notification.more && !notification.logs.some((log) => this.#readBack.mustRead(log));
  }

  #push(logs: readonly TakenLog[]): void {
    for (const taken of logs) {
      const { log } = taken;
      if (!this.#seen.add(log.id, this.recent.next)) continue;
      this.#options.counts.logs++;
      this.#newest = Math.max(this.#newest, log.id);
      const recent = { ...taken, text: encodeLog(log) };
      this.#unflushed += weight(recent);
      if (this.#unflushed > UNFLUSHED.bytes || this.recent.next - this.#flushedFrom >= UNFLUSHED.logs) {
        this.flush();
        this.#unflushed = weight(recent);
      }
      if (taken.metadata === undefined) {
        // Came while it was being read: its viewers stand behind, and ask the table.
        for (const group of this.#readBack.needy) {
          if (group.isOfInterest(log)) group.undecided = this.recent.next;
        }
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
        const next = this.#waiting.next();
        if (next.length === 0) break;
        if (next[0]?.more) this.#mustCatchUp = true;
        else await this.#read(next);
        this.#waiting.shift(next);
        failures = 0;
      } catch (error) {
        this.#options.onError("Cannot catch up", error);
        if (error instanceof ForeignCursorError) {
          this.#startOver();
          continue;
        }
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
    this.#catchUpAgain();
  }

  #catchUpAgain(): void {
    if (!this.#mustCatchUpAgain || !this.ready) return;
    this.#mustCatchUpAgain = false;
    this.missed(null);
  }

  /** What the feed itself has missed. Too much for one go: each viewer catches up for itself, and is told its gap. */
  async #catchUp(): Promise<void> {
    const { organizationId } = this;
    const { store } = this.#options;
    this.#mustCatchUp = false;
    if (this.#cursor === null) {
      const cursor = asked(await store.snapshot());
      this.recent.mark(cursor);
      this.#cursor = this.#began = cursor;
      this.#place = { position: this.flushed, cursor };
      this.#since = null;
      this.#settling = { cursor, until: this.now() + SETTLING };
      return;
    }
    if (this.#restart !== null) await this.#followRestart(this.#restart);
    const since = this.#since;
    // Nobody here was promised what came before the feed began.
    const late = since === null ? null : newerCursor(this.#began, since);
    const goesBack = late !== null && xmaxOf(late) <= xmaxOf(this.#cursor);
    const missed = await store.catchUp({
      organizationId,
      filter: NO_FILTER,
      limit: CATCH_UP_LIMIT,
      since: goesBack ? late : this.#cursor,
      head: 0,
      had: goesBack ? this.#seen.before(this.recent.next) : [],
    });
    const cursor = asked(missed.cursor);
    if (missed.gap === null) await this.#readAndPush(missed.logs.map(({ log }) => log));
    else {
      this.flush();
      this.recent.clear();
      this.#settling = { cursor, until: this.now() + SETTLING };
      for (const viewer of viewersOf(this.groups)) viewer.missed(late);
      for (const group of this.groups.values()) group.lose();
    }
    if (this.#since === since) this.#since = null;
    this.recent.markCaughtUp(cursor);
    this.#cursor = cursor;
    this.#options.schedule(this);
  }

  /** Takes in notifications of which some logs have to be read back: one, or several that one query is enough for. */
  async #read(notifications: readonly Notification[]): Promise<void> {
    const [first, ...others] = notifications;
    if (first && others.length === 0) {
      this.recent.mark(first.cursor);
      await this.#readAndPush(first.logs);
      return this.#advance(first.cursor);
    }
    const read = await this.#readBack.read(notifications.flatMap(({ logs }) => logs));
    const taken = new Map(read.map((log) => [log.log.id, log]));
    for (const { cursor, logs } of notifications) {
      this.recent.mark(cursor);
      this.#push(logs.flatMap(({ id }) => taken.get(id) ?? []));
      this.#advance(cursor);
    }
  }

  /** Takes logs in, and reads back what must be; a few at a time, for messages may be long. */
  async #readAndPush(logs: readonly NotifiedLog[]): Promise<void> {
    for (let i = 0; i < logs.length; i += READ_BATCH) {
      this.#push(await this.#readBack.read(logs.slice(i, i + READ_BATCH)));
    }
  }

  #createFetches(): Fetches {
    const { organizationId, store, backlogs, now, counts } = this.#options;
    return new Fetches({
      organizationId,
      store,
      backlogs,
      now,
      counts,
      hadBefore: (position) => this.#seen.before(position),
      comesAgain: (fetched, from) => this.#comesAgain(fetched, from),
      isGivenUp: (group, position) => this.isGivenUp(group, position),
    });
  }

  #comesAgain(fetched: Fetched, from: number): { here: Set<number>; later: Set<number> } {
    const { recent } = this;
    const settling = this.#settling !== null && this.now() < this.#settling.until
      ? this.#settling.cursor
      : null;
    for (const { log } of [...fetched.head, ...fetched.logs]) this.#newest = Math.max(this.#newest, log.id);
    return comesAgain(fetched, from, { recent, cursor: this.#cursor, seen: this.#seen, settling });
  }

  #announce(state: DatabaseState): void {
    if (this.#status?.database === state) return;
    this.#status = databaseStatus(state, this.#options.problem());
    for (const viewer of viewersOf(this.groups)) viewer.inform();
  }

  /**
   * A crash takes back ids of transactions that never reached the disk. As long as the newest log is still there nothing was lost
   * with them, and cursors just have to claim less.
   */
  async #followRestart({ xid, started }: { xid: bigint; started: string }): Promise<void> {
    const ids = this.#newest > 0 ? [this.#newest] : [];
    const rows = ids.length > 0 ? await this.#options.store.read(this.organizationId, ids) : [];
    if (xid === 0n || rows.length < ids.length || this.#cursor === null) throw new ForeignCursorError();
    this.#cursor = clampCursor(this.#cursor, xid);
    const { position, cursor } = this.#place;
    if (cursor !== null) this.#place = { position, cursor: clampCursor(cursor, xid) };
    if (this.#since !== null) this.#since = clampCursor(this.#since, xid);
    this.recent.forgetCursors();
    this.#fetches.drop(true);
    for (const viewer of viewersOf(this.groups)) viewer.restarted(xid, started);
    this.#restart = null;
  }

  /**
   * The database is another one, or an older state of it: nothing that is known is true for it, and nobody has a place in it.
   * Streams end; whoever returns is refused its cursor, and so learns of it.
   */
  #startOver(): void {
    for (const viewer of viewersOf(this.groups)) viewer.close();
    this.#fetches.drop(true);
    this.recent = new RecentLogs(RECENT);
    this.#seen = new RecentIds(SEEN);
    this.#flushedFrom = this.#unflushed = this.#newest = 0;
    this.#place = { position: 0, cursor: null };
    this.#cursor = this.#since = null;
    this.#restart = this.#settling = null;
    this.#mustCatchUp = true;
  }
}
