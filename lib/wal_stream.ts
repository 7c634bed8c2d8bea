/**
 * Commits as logical decoding tells of them (PostgreSQL manual, Logical Decoding), for the hub: writers pay nothing for it.
 *
 * The slot is a temporary one: it goes with its connection, and no WAL is kept for a server that is gone. What was committed
 * without one is in the table. There is a slot only while somebody watches, and making one takes until all transactions have ended
 * that are open then; in the meantime, and whenever there is none, the table is asked every second.
 *
 * A commit is in the WAL before others can see it. It is handed on once a snapshot shows it: whoever asks the table afterwards finds it,
 * and nobody falls between the two.
 */

import type postgres from "postgres";
import { backoff, wait, within } from "./backoff.ts";
import { type Cursor, isVisible, parseSnapshot } from "./cursor.ts";
import type { SourceEvents } from "./hub/ports.ts";
import type { ChangeStream, ChangeStreamOptions } from "./notify_stream.ts";
import { Asking } from "./wal/asking.ts";
import { Claims } from "./wal/claims.ts";
import { parseLsn } from "./wal/lsn.ts";
import { Pause } from "./wal/pause.ts";
import { pieces, takeVisible } from "./wal/pieces.ts";
import { createWalReader, type WalReader, type WalTransaction } from "./wal/reader.ts";
import { openReplication, type Replication } from "./wal/replication.ts";
import { PUBLICATION, SLOT_PREFIX } from "./wal_state.ts";

/** What is told of the stream, for metrics and people. */
export interface WalState {
  /** Whether commits are heard at the moment. */
  streaming: boolean;
  /** Bytes of WAL that PostgreSQL keeps for the slot, as of the last liveness query. */
  retained: number;
  /** Slots that were made so far, and those that were given up for keeping too much. */
  slots: number;
  givenUp: number;
}

/** What {@link openWalStream} needs. */
export interface WalStreamOptions extends Omit<ChangeStreamOptions, "events"> {
  readonly url: string;
  /** Bytes of WAL that may be kept; over it the slot is given up. */
  readonly keepBytes: number;
  readonly state: WalState;
  readonly events: Pick<SourceEvents, "listening" | "missed" | "announced">;
  /** Why commits are not heard for a while, `null` once they are. */
  readonly onLate: (reason: string | null) => void;
}

/**
 * Between two looks whether commits are visible, in milliseconds: after one that showed some, and after others, more with each. A
 * commit may wait for a standby for hours.
 */
const LOOK_EVERY = { seen: 10, unseen: 2, most: 250 };

/** How long the first stream is waited for before the table is asked instead, in milliseconds. */
const PATIENCE = 1000;

/**
 * How long the server may take to give a sign of life, in milliseconds: from the first on the table is asked as well. It may be silent
 * for 15 s, see {@link Replication.ping}.
 */
const SILENCE = { late: 5000, lost: 20_000 };

/** What may wait to become visible. */
const MOST_WAITING = { transactions: 20_000, characters: 32 * 1024 * 1024 };

/** One slot, from its making to its loss. */
interface Stream {
  readonly replication: Replication;
  readonly claims: Claims;
  readonly reader: WalReader;
  /** Transactions that were told of, in the order of their commits, and not handed on yet. */
  waiting: WalTransaction[];
  /** Characters of their messages. */
  size: number;
  /** Everything before was told of. */
  position: bigint;
  /** A snapshot that was taken, and where the WAL ended right after. */
  snapshot: { readonly taken: Cursor; readonly lsn: bigint } | null;
}

/** Opens one. It never fails by itself: without a slot the table is asked. */
export function openWalStream(options: WalStreamOptions): ChangeStream {
  const { connection, events, onFailure, url, keepBytes, state, onLate } = options;
  const over = new AbortController();
  const watched = new Set<number>();
  /** What is watched, and was not said to be heard yet. */
  const untold = new Set<number>();
  /** What is read, from when something may come on it: before it is {@link stream}, which is what commits are heard of. */
  let reading: Stream | null = null;
  let stream: Stream | null = null;
  let slot: string | null = null;
  /** Ends the stream that is, or is being made. */
  let giveUp: (reason: Error) => void = () => {};
  let running: Promise<void> | null = null;
  let looking: Promise<void> | null = null;
  const lookPause = new Pause(over.signal);
  let pinging: Promise<void> | null = null;
  let isSilent = false;
  /** Since when a slot is being made; why the last one was lost, or could not be made. */
  let makingSince: number | null = null;
  let lost: string | null = null;

  const isHeard = () => stream !== null && !isSilent;

  const asking = new Asking({
    isNeeded: () => watched.size > 0 && !isHeard(),
    ask: () => events.missed(null),
    reason() {
      if (isSilent) return "PostgreSQL gives no sign of life on the connection that tells of commits";
      // A try that fails does so within moments.
      const isBeingMade = makingSince !== null && performance.now() - makingSince > PATIENCE;
      if (lost !== null && !isBeingMade) return lost;
      return "A replication slot is being made, which waits for all transactions that are open";
    },
    onLate,
    signal: over.signal,
  });

  async function snapshot(): Promise<{ taken: Cursor; lsn: bigint }> {
    // In this order: what it shows is before that position.
    const [row] = await connection<{ snapshot: string; lsn: string }[]>`
      select pg_current_snapshot()::text as snapshot, pg_current_wal_insert_lsn()::text as lsn`;
    if (!row) throw new Error("PostgreSQL gave no snapshot");
    return { taken: parseSnapshot(row.snapshot), lsn: parseLsn(row.lsn) };
  }

  /** Makes streams as long as somebody watches. */
  async function run(): Promise<void> {
    for (let attempt = 0; watched.size > 0 && !over.signal.aborted; attempt++) {
      const began = makingSince = performance.now();
      const reason = await hear();
      makingSince = null;
      lost = reason.message;
      if (over.signal.aborted || watched.size === 0) return;
      asking.begin();
      if (performance.now() - began > 60_000) attempt = 0;
      await wait(backoff(attempt), over.signal);
    }
  }

  /** One stream, from its making to its end. Says why it ended. */
  async function hear(): Promise<Error> {
    const ending = new AbortController();
    const { signal } = ending;
    const begun = Promise.withResolvers<void>();
    const end = () => ending.abort(over.signal.reason);
    over.signal.addEventListener("abort", end);
    giveUp = (reason) => ending.abort(reason);
    slot = `${SLOT_PREFIX}${crypto.randomUUID().replaceAll("-", "")}`;
    try {
      await using replication = await openReplication({ url, slot, publication: PUBLICATION, signal });
      state.slots++;
      void replication.closed.then((reason) => {
        begun.resolve();
        ending.abort(reason);
      });
      const began = await snapshotOf(connection, replication.snapshotName);
      signal.throwIfAborted();
      const current = reading = createStream(replication, began);
      const reached = (lsn: bigint) => {
        if (lsn > current.position) current.position = lsn;
        settle(current);
        confirm(current);
      };
      await replication.start({
        async message(bytes) {
          const lsn = current.reader.read(bytes);
          if (lsn !== null) reached(lsn);
          // While they are not handed on no more are taken in.
          if (isFull(current)) await (stream === current ? looking : begun.promise);
        },
        position: reached,
      });
      // What was committed before the slot is in the table for everybody who asks from here on.
      for (let pause = LOOK_EVERY.unseen;; pause = Math.min(2 * pause, LOOK_EVERY.most)) {
        const { taken } = await snapshot();
        signal.throwIfAborted();
        if (shows(taken, began)) break;
        await wait(pause, signal);
      }
      stream = current;
      state.streaming = true;
      makingSince = lost = null;
      isSilent = false;
      begun.resolve();
      asking.look();
      untold.clear();
      for (const id of watched) events.listening(id, true);
      release(current);
      return await replication.closed;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      over.signal.removeEventListener("abort", end);
      reading = stream = slot = null;
      // After the end it is about another connection.
      if (!over.signal.aborted) Object.assign(state, { streaming: false, retained: 0 });
    }
  }

  function createStream(replication: Replication, began: Cursor): Stream {
    const reader = createWalReader({
      isWatched: (id) => watched.has(id),
      near: () => began.xmax,
      committed(transaction) {
        current.waiting.push(transaction);
        current.size += transaction.size;
        if (stream === current) release(current);
      },
    });
    const current: Stream = {
      replication,
      reader,
      claims: new Claims(began),
      waiting: [],
      size: 0,
      position: replication.consistentPoint,
      snapshot: null,
    };
    return current;
  }

  /** Hands on what waits as soon as it is visible. */
  function release(current: Stream): void {
    if (current.waiting.length === 0) return;
    // What has just come need not wait for as long as what was there before.
    if (looking) return lookPause.end();
    looking = look(current).catch((error: unknown) => {
      if (stream === current) stream = null;
      onFailure(error);
    }).finally(() => {
      looking = null;
      if (stream && !over.signal.aborted) release(stream);
    });
  }

  async function look(current: Stream): Promise<void> {
    let pause = LOOK_EVERY.unseen;
    while (current === stream && current.waiting.length > 0) {
      const found = await snapshot();
      if (current !== stream) return;
      current.snapshot ??= found;
      const { visible, left } = takeVisible(current.waiting, found.taken);
      if (visible.length > 0) {
        current.waiting = left;
        for (const { size } of visible) current.size -= size;
        handOn(current, visible);
      }
      settle(current);
      confirm(current);
      const isEarly = visible.length === 0 && await lookPause.of(pause);
      pause = visible.length > 0 || isEarly ? LOOK_EVERY.unseen : Math.min(2 * pause, LOOK_EVERY.most);
      if (visible.length > 0) await wait(LOOK_EVERY.seen, over.signal);
      else if (isEarly) await wait(LOOK_EVERY.unseen, over.signal);
    }
  }

  function confirm({ replication, waiting, position }: Stream): void {
    replication.confirm(waiting[0]?.lsn ?? position);
  }

  function handOn({ claims, waiting }: Stream, transactions: readonly WalTransaction[]): void {
    // It claims what came before, as the cursor of a notification does.
    const { cursor } = claims;
    const more = transactions.reduce((all, transaction) => all.union(transaction.more), new Set<number>());
    const logs = Map.groupBy(
      transactions.flatMap(({ logs }) => logs),
      ({ organizationId }) => organizationId,
    );
    for (const [organizationId, all] of logs) {
      for (const piece of pieces(all)) {
        const decoded = piece.map(({ log }) => ({ id: log.log.id, decoded: log }));
        events.announced(organizationId, { cursor, logs: decoded, more: false });
      }
    }
    for (const id of more) events.announced(id, { cursor, logs: [], more: true });
    const left = new Set(waiting.map(({ xid }) => xid));
    for (const { xid } of transactions) claims.add(xid, left);
    const claimed = claims.cursor;
    for (const id of logs.keys()) {
      if (!more.has(id)) events.announced(id, { cursor: claimed, logs: [], more: false });
    }
  }

  function settle(current: Stream): void {
    if (current.snapshot === null || current.snapshot.lsn > current.position) return;
    current.claims.settle(current.snapshot.taken, new Set(current.waiting.map(({ xid }) => xid)));
    current.snapshot = null;
  }

  function keepUp(): void {
    if (over.signal.aborted) return;
    if (watched.size === 0) giveUp(new Error("Nobody watches any more"));
    else {
      running ??= run().catch(onFailure).finally(() => {
        running = null;
        if (watched.size > 0) keepUp();
      });
    }
  }

  /** Says that it is heard, or that the table is asked in the place of that, unless that was said in the meantime. */
  async function tell(organizationId: number): Promise<void> {
    if (stream !== null) await Promise.resolve();
    else await wait(PATIENCE, over.signal);
    if (over.signal.aborted || !untold.delete(organizationId)) return;
    events.listening(organizationId, true);
    if (!isHeard()) asking.begin();
  }

  /** A server that is silent is no server: nothing that it has to say may be on its way for ever. */
  function ping({ replication }: Stream): void {
    if (pinging) return;
    const answered = new AbortController();
    const late = wait(SILENCE.late, answered.signal).then(async () => {
      if (answered.signal.aborted) return;
      isSilent = true;
      asking.begin();
      await wait(SILENCE.lost - SILENCE.late, answered.signal);
      if (!answered.signal.aborted) giveUp(new Error("No sign of life from PostgreSQL"));
    });
    // It rejects when the connection is closed.
    pinging = replication.ping().catch(() => {}).then(async () => {
      answered.abort();
      await late;
      pinging = null;
      // What it has told meanwhile comes with a cursor that claims no more than that.
      isSilent = false;
      asking.look();
    });
  }

  return {
    watch(organizationId) {
      watched.add(organizationId);
      untold.add(organizationId);
      // Of what has been told of already its logs were left out.
      reading?.reader.watched(organizationId);
      for (const { more } of reading?.waiting ?? []) more.add(organizationId);
      keepUp();
      void tell(organizationId);
    },
    unwatch(organizationId) {
      watched.delete(organizationId);
      untold.delete(organizationId);
      keepUp();
    },
    heard: () => {},
    ready: () => Promise.resolve(),
    async renew() {
      if (stream) ping(stream);
      if (slot === null) return;
      const [row] = await connection<{ retained: number }[]>`
        select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::float8 as retained
        from pg_replication_slots where slot_name = ${slot}`;
      if (over.signal.aborted) return;
      state.retained = row?.retained ?? 0;
      if (state.retained <= keepBytes) return;
      state.givenUp++;
      giveUp(
        new Error(
          `PostgreSQL keeps ${Math.round(state.retained / 2 ** 20)} MiB of WAL for this server, more than ` +
            "TAILPOST_WAL_KEEP_BYTES allows: a transaction has been open for long, or this server is too slow",
        ),
      );
    },
    async [Symbol.asyncDispose]() {
      over.abort(new Error("The listener's connection is given up"));
      stream = null;
      state.streaming = false;
      const all = Promise.all([running, asking.running, looking, pinging]);
      await within(1000, all, "The stream did not end").catch(() => {});
    },
  };
}

function isFull({ waiting, size }: Stream): boolean {
  return waiting.length > MOST_WAITING.transactions || size > MOST_WAITING.characters;
}

/**
 * The snapshot that a slot begins with: what it shows was committed before. One message, and so one transaction, of which nothing is
 * left when it fails.
 */
async function snapshotOf(connection: postgres.Sql, name: string): Promise<Cursor> {
  if (!/^[0-9A-F-]+$/u.test(name)) throw new RangeError(`Not a snapshot: ${name}`);
  const results = await connection.unsafe(
    `set transaction isolation level repeatable read, read only; set transaction snapshot '${name}';
    select pg_current_snapshot()::text as snapshot`,
  ).simple() as unknown as readonly (readonly { readonly snapshot?: string }[])[];
  const snapshot = results.flat().find((row) => row.snapshot !== undefined)?.snapshot;
  if (snapshot === undefined) throw new Error("PostgreSQL gave no snapshot");
  return parseSnapshot(snapshot);
}

/** Whether a snapshot shows all that another one does. */
function shows(later: Cursor, earlier: Cursor): boolean {
  return later.xmax >= earlier.xmax && !later.xip.some((xid) => isVisible(xid, earlier));
}
