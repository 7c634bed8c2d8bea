/**
 * The hub: takes what the listener hears and fans it out to viewers as Server-Sent Events. It knows nothing of SQL or HTTP. A
 * feed an organization does the work; here are the feeds, the one timer that flushes them, and the bounds.
 */

import { type Clock, systemClock } from "./clock.ts";
import { Backlogs, MOST_BACKLOG } from "./hub/backlog.ts";
import { Feed } from "./hub/feed.ts";
import { Group, groupKey } from "./hub/group.ts";
import { limitStore } from "./hub/limit.ts";
import type { HubStore, Source, SourceEvents } from "./hub/ports.ts";
import { Viewer } from "./hub/viewer.ts";
import type { Filter } from "./filter.ts";
import type { MetadataPath } from "./metadata_path.ts";
import { type Notification, NotificationError, parseNotification } from "./notification.ts";
import type { DatabaseProblem } from "./sse.ts";

export type * from "./hub/ports.ts";

/** What {@link createHub} needs. Times are in milliseconds. */
export interface HubOptions {
  readonly source: Source;
  readonly store: HubStore;
  /** Between two heartbeats. */
  readonly heartbeat: number;
  /** Open streams at most; more are refused with {@link HubFullError}. */
  readonly maxViewers: number;
  /** Least time between two writes to a viewer; the first after a quiet moment goes at once. Default 20. */
  readonly flushInterval?: number;
  /** How long an organization is still heard after its last viewer left. Default 30,000. */
  readonly linger?: number;
  /** Bytes that may wait for all viewers that catch up together. Default {@link MOST_BACKLOG}. */
  readonly mostBacklog?: number;
  /** The browser's reconnect time. Default 2000. */
  readonly retry?: number;
  /** Default: the process's own time. */
  readonly clock?: Clock;
  /** Something failed that a person should know of. */
  readonly onError?: (message: string, error: unknown) => void;
}

/** What a viewer wants. */
export interface Subscription {
  readonly organizationId: number;
  readonly filter: Filter;
  /** What of the metadata comes with each log. Default: nothing. */
  readonly columns?: readonly MetadataPath[];
  /** The newest matching logs to begin with, 0 for none. */
  readonly tail: number;
  /** The cursor to resume from; the tail is left out then. */
  readonly since: string | null;
  /** Ends the stream when it aborts: who asked may not see it any more. */
  readonly signal?: AbortSignal;
  /** Ends the stream after so many milliseconds. The viewer may return at once. */
  readonly lifetime?: number;
  /** Called once when the stream has ended, whoever ended it. */
  readonly onEnd?: () => void;
}

/** Counts since the start, for metrics. */
export interface HubCounts {
  /** Payloads heard, and those that no trigger of ours wrote. */
  notifications: number;
  malformed: number;
  /** Logs taken in, and logs written to viewers (each viewer counted). */
  logs: number;
  sent: number;
  /** Questions to the table for viewers: catch-ups and tails. */
  fetches: number;
  /** Viewers at the moment, and all there ever were. */
  viewers: number;
  subscriptions: number;
}

/** See the module's comment. */
export interface Hub extends SourceEvents {
  /**
   * Opens a stream.
   *
   * @throws {HubFullError} when there are too many viewers
   * @throws {FilterError} when the filter does not compile
   */
  subscribe(subscription: Subscription): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What is wrong with the database, `null` once nothing is: viewers are told. */
  report(problem: DatabaseProblem | null): void;
  /**
   * The database was started since the source was disconnected. It may have lost what it had not written to disk: transaction ids
   * from `xid` on may mean other transactions than cursors do; from 0 on where it is another database. To be said before `listening`.
   * `started`: when that was, as {@link Fetched.started} says it.
   */
  restarted(xid: bigint, started: string): void;
  readonly counts: Readonly<HubCounts>;
  /** Ends every stream, with its cursor and a moment to return at; no more are opened. */
  close(): void;
}

/** Too many viewers, or shutting down. */
export class HubFullError extends Error {
  override readonly name = "HubFullError";
  constructor(message: string, readonly isStopping = false) {
    super(message);
  }
}

/** Queries at a time. The pool has one connection more, so that requests never wait for the hub alone. */
const MOST_QUERIES = 3;

/** How long a flush may keep everything else waiting, in milliseconds. */
const MOST_AT_ONCE = 20;

/** How long heartbeats wait for their next turn, in milliseconds: logs come first. */
const BEAT_PAUSE = 5;

/** When viewers of a server that stops are to return, in milliseconds: soon, and not all at the same moment. */
const RETURN = { least: 200, spread: 2000 };

/** Makes a hub. {@link Hub.close} ends its timers. */
export function createHub(options: HubOptions): Hub {
  const { source, flushInterval = 20, linger = 30_000, retry = 2000, onError = () => {} } = options;
  const { clock = systemClock } = options;
  const store = limitStore(options.store, MOST_QUERIES);
  const backlogs = new Backlogs(options.mostBacklog ?? MOST_BACKLOG);
  const feeds = new Map<number, Feed>();
  const lingering = new Map<number, () => void>();
  const pausing = new Set<() => void>();
  /** What ends the work that waits for its next turn. */
  const turns = new Set<() => void>();
  const counts: HubCounts = {
    notifications: 0,
    malformed: 0,
    logs: 0,
    sent: 0,
    fetches: 0,
    viewers: 0,
    subscriptions: 0,
  };
  const dirty = new Set<Feed>();
  const now = () => clock.now();
  let cancelFlush = () => {};
  let cancelBeat = () => {};
  let scheduled = false;
  let nextFlush = 0;
  let sourceConnected = true;
  let problem: DatabaseProblem | null = null;
  let closed = false;

  function beat(): void {
    cancelBeat = clock.after(options.heartbeat, beat);
    inTurns(inOrder([...feeds.values()], (feed) => feed.beatInSteps()), BEAT_PAUSE);
  }
  cancelBeat = clock.after(options.heartbeat, beat);

  function schedule(feed: Feed): void {
    dirty.add(feed);
    if (scheduled || closed) return;
    scheduled = true;
    const wait = nextFlush - now();
    // A microtask: all payloads of one network read are heard first, and leave together.
    if (wait <= 0) queueMicrotask(flush);
    else cancelFlush = clock.after(wait, flush);
  }

  function flush(): void {
    const flushing = [...dirty];
    dirty.clear();
    inTurns(inOrder(flushing, (feed) => feed.flushInSteps()), 0, (took) => {
      scheduled = false;
      // Four fifths of the time at most, however many viewers there are.
      nextFlush = now() + Math.max(flushInterval, took / 4);
      const [next] = dirty;
      if (next) schedule(next);
    });
  }

  function* inOrder(feeds: readonly Feed[], work: (feed: Feed) => Generator<void>): Generator<void> {
    for (const feed of feeds) {
      try {
        yield* work(feed);
        yield;
      } catch (error) {
        // Nothing known leads here. It must not end the process, nor keep the other organizations waiting.
        onError(`Cannot hand on logs of organization ${feed.organizationId}`, error);
      }
    }
  }

  /** Works step by step, with turns for everything else after {@link MOST_AT_ONCE}. Says at the end how many milliseconds the work took. */
  function inTurns(
    steps: Iterator<void>,
    pause: number,
    done: (took: number) => void = () => {},
    before = 0,
  ): void {
    const began = now();
    let took = 0;
    while (took < MOST_AT_ONCE) {
      const { done: isOver } = steps.next();
      took = now() - began;
      if (isOver) return done(before + took);
    }
    if (closed) return;
    const cancel = clock.after(pause, () => {
      turns.delete(cancel);
      inTurns(steps, pause, done, before + took);
    });
    turns.add(cancel);
  }

  /** Waits longer after each failure: 0.1 s to 5 s. */
  function pause(attempt: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (closed) return Promise.resolve();
    const cancel = clock.after(Math.min(5000, 100 * 2 ** attempt), wake);
    pausing.add(wake);
    function wake() {
      cancel();
      pausing.delete(wake);
      resolve();
    }
    return promise;
  }

  function feedOf(organizationId: number): Feed {
    const existing = feeds.get(organizationId);
    if (existing) return existing;
    const feed = new Feed({
      organizationId,
      store,
      schedule,
      pause,
      now,
      backlogs,
      onError,
      counts,
      problem: () => problem,
      onLeave() {
        counts.viewers--;
        if (feed.size > 0 || closed) return;
        lingering.set(organizationId, clock.after(linger, () => forget(feed)));
      },
    });
    feeds.set(organizationId, feed);
    if (!sourceConnected) feed.disconnected();
    source.watch(organizationId);
    return feed;
  }

  function forget(feed: Feed): void {
    lingering.delete(feed.organizationId);
    if (feed.size > 0) return;
    feed.disconnected();
    feeds.delete(feed.organizationId);
    dirty.delete(feed);
    source.unwatch(feed.organizationId);
  }

  function announced(organizationId: number, notification: Notification): void {
    counts.notifications++;
    feeds.get(organizationId)?.notified(notification);
  }

  return {
    counts,
    subscribe({ organizationId, filter, columns = [], tail, since, signal, lifetime, onEnd }) {
      if (closed || counts.viewers >= options.maxViewers) {
        throw closed
          ? new HubFullError("The server is stopping", true)
          : new HubFullError(`All ${options.maxViewers} streams are taken`);
      }
      // Before there is a feed: it would stay when the filter does not compile.
      const group = feeds.get(organizationId)?.groups.get(groupKey(filter, columns)) ??
        new Group(filter, columns);
      lingering.get(organizationId)?.();
      lingering.delete(organizationId);
      const feed = feedOf(organizationId);
      const end = () => viewer.close();
      let cancelEnd = () => {};
      const onLeave = () => {
        cancelEnd();
        onEnd?.();
        signal?.removeEventListener("abort", end);
      };
      const viewer = new Viewer(feed, group, { tail, since, onLeave }, retry);
      counts.viewers++;
      counts.subscriptions++;
      feed.join(group, viewer);
      signal?.addEventListener("abort", end);
      if (lifetime !== undefined) cancelEnd = clock.after(lifetime, end);
      if (signal?.aborted) end();
      return viewer.stream;
    },
    listening(organizationId, isSettled) {
      // The answer to a LISTEN that was on its way.
      if (closed) return;
      sourceConnected = true;
      feeds.get(organizationId)?.listening(isSettled);
    },
    notified(organizationId, payload) {
      try {
        announced(organizationId, parseNotification(payload));
      } catch (error) {
        if (!(error instanceof NotificationError)) throw error;
        counts.notifications++;
        counts.malformed++;
        onError(`Ignored a notification for organization ${organizationId}`, error);
      }
    },
    announced,
    changed: (organizationId) => feeds.get(organizationId)?.changed(),
    disconnected() {
      sourceConnected = false;
      for (const feed of feeds.values()) feed.disconnected();
    },
    report(found) {
      problem = found;
      for (const feed of feeds.values()) feed.report();
    },
    restarted(xid, started) {
      for (const feed of feeds.values()) feed.restarted(xid, started);
    },
    missed(since) {
      for (const feed of feeds.values()) feed.missed(since);
    },
    close() {
      closed = true;
      cancelBeat();
      cancelFlush();
      for (const cancel of lingering.values()) cancel();
      for (const cancel of turns) cancel();
      for (const wake of pausing) wake();
      for (const feed of feeds.values()) feed.close(() => RETURN.least + Math.random() * RETURN.spread);
    },
  };
}
