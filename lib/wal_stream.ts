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
import { type Cursor, isVisible, parseCursor } from "./cursor.ts";
import type { SourceEvents } from "./hub/ports.ts";
import type { ChangeStream, ChangeStreamOptions } from "./notify_stream.ts";
import { Claims } from "./wal/claims.ts";
import { createWalReader, type TransactionLog, type WalReader, type WalTransaction } from "./wal/reader.ts";
import { openReplication, type Replication } from "./wal/replication.ts";
import { parseLsn } from "./wal/lsn.ts";

/** The publication that `tailpost migrate` makes. */
export const PUBLICATION = "tailpost";

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

/** The table is asked so often while commits are not heard, in milliseconds: at first, and then. */
const ASK = { first: 250, then: 1000 };

/** After so long without a stream people are told, in milliseconds. */
const TELL_AFTER = 3000;

/** Between two looks whether commits are visible, in milliseconds: after one that showed some, and after another. */
const LOOK_EVERY = { seen: 10, unseen: 2 };

/** How long the first stream is waited for before the table is asked instead, in milliseconds. */
const PATIENCE = 1000;

/** How long the server may take to give a sign of life, in milliseconds: from the first on the table is asked as well. */
const SILENCE = { late: 5000, lost: 15_000 };

/** What may wait to become visible. */
const MOST_WAITING = { transactions: 20_000, characters: 32 * 1024 * 1024 };

/** Logs that are handed on at once at most, and characters of their messages. */
const PIECE = { logs: 50, characters: 65_536 };

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
  let stream: Stream | null = null;
  let slot: string | null = null;
  /** Ends the stream that is, or is being made. */
  let giveUp: (reason: Error) => void = () => {};
  let running: Promise<void> | null = null;
  let asking: Promise<void> | null = null;
  let looking: Promise<void> | null = null;
  let heard = Promise.withResolvers<void>();
  let pinging: Promise<void> | null = null;
  let isSilent = false;

  const isHeard = () => stream !== null && !isSilent;

  async function snapshot(): Promise<{ taken: Cursor; lsn: bigint }> {
    const [row] = await connection<{ snapshot: string; lsn: string }[]>`
      select pg_current_snapshot()::text as snapshot, pg_current_wal_insert_lsn()::text as lsn`;
    if (!row) throw new Error("PostgreSQL gave no snapshot");
    return { taken: parseCursor(row.snapshot), lsn: parseLsn(row.lsn) };
  }

  /** Makes streams as long as somebody watches. */
  async function run(): Promise<void> {
    for (let attempt = 0; watched.size > 0 && !over.signal.aborted; attempt++) {
      const began = performance.now();
      const reason = await hear();
      if (over.signal.aborted) return;
      stream = null;
      state.streaming = false;
      state.retained = 0;
      heard = Promise.withResolvers();
      if (watched.size === 0) return;
      ask(reason.message);
      if (performance.now() - began > 60_000) attempt = 0;
      await wait(backoff(attempt), over.signal);
    }
  }

  /** One stream, from its making to its end. Says why it ended. */
  async function hear(): Promise<Error> {
    const ending = new AbortController();
    const end = () => ending.abort(over.signal.reason);
    over.signal.addEventListener("abort", end);
    giveUp = (reason) => ending.abort(reason);
    slot = `tailpost_${crypto.randomUUID().replaceAll("-", "")}`;
    try {
      await using replication = await openReplication({
        url,
        slot,
        publication: PUBLICATION,
        signal: ending.signal,
      });
      state.slots++;
      const began = await snapshotOf(connection, replication.snapshotName);
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
      const reached = (lsn: bigint) => {
        if (lsn > current.position) current.position = lsn;
        settle(current);
        replication.confirm(current.waiting[0]?.lsn ?? current.position);
      };
      await replication.start({
        async message(bytes) {
          const lsn = reader.read(bytes);
          if (lsn !== null) reached(lsn);
          // While they are not handed on no more are taken in.
          if (current.waiting.length > MOST_WAITING.transactions || current.size > MOST_WAITING.characters) {
            await looking;
          }
        },
        position: reached,
      });
      // What was committed before the slot is in the table for everybody who asks from here on.
      for (let { taken } = await snapshot(); !shows(taken, began); { taken } = await snapshot()) {
        await wait(LOOK_EVERY.unseen, ending.signal);
        ending.signal.throwIfAborted();
      }
      stream = current;
      state.streaming = true;
      isSilent = false;
      heard.resolve();
      for (const id of watched) events.listening(id, true);
      release(current);
      const reason = await replication.closed;
      ending.signal.throwIfAborted();
      return reason;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      over.signal.removeEventListener("abort", end);
      slot = null;
    }
  }

  /** Hands on what waits as soon as it is visible. */
  function release(current: Stream): void {
    if (looking || current.waiting.length === 0) return;
    looking = (async () => {
      while (current === stream && current.waiting.length > 0) {
        const found = await snapshot();
        if (current !== stream) return;
        current.snapshot ??= found;
        const { taken } = found;
        const visible = current.waiting.filter(({ xid }) => isVisible(xid, taken));
        if (visible.length > 0) {
          current.waiting = current.waiting.filter(({ xid }) => !isVisible(xid, taken));
          for (const { size } of visible) current.size -= size;
          handOn(current, visible);
        }
        settle(current);
        current.replication.confirm(current.waiting[0]?.lsn ?? current.position);
        await wait(visible.length > 0 ? LOOK_EVERY.seen : LOOK_EVERY.unseen, over.signal);
      }
    })().catch((error: unknown) => {
      stream = null;
      onFailure(error);
    }).finally(() => {
      looking = null;
      if (stream && !over.signal.aborted) release(stream);
    });
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

  /** Asks the table as long as commits are not heard. */
  function ask(reason: string): void {
    asking ??= (async () => {
      const began = performance.now();
      let told = false;
      for (let pause = ASK.first; !isHeard() && watched.size > 0; pause = ASK.then) {
        await Promise.race([wait(pause, over.signal), isSilent ? new Promise(() => {}) : heard.promise]);
        if (over.signal.aborted) return;
        if (isHeard() || watched.size === 0) break;
        events.missed(null);
        if (!told && performance.now() - began > TELL_AFTER) {
          told = true;
          onLate(reason);
        }
      }
      if (told) onLate(null);
    })().finally(() => asking = null);
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

  /** A server that is silent is no server: nothing that it has to say may be on its way for ever. */
  function ping({ replication }: Stream): void {
    if (pinging) return;
    const answered = new AbortController();
    const late = wait(SILENCE.late, answered.signal).then(async () => {
      if (answered.signal.aborted) return;
      isSilent = true;
      ask("PostgreSQL gives no sign of life on the connection that tells of commits");
      await wait(SILENCE.lost - SILENCE.late, answered.signal);
      if (!answered.signal.aborted) giveUp(new Error("No sign of life from PostgreSQL"));
    });
    pinging = Promise.race([replication.ping(), replication.closed]).then(() => {}, () => {}).finally(
      async () => {
        answered.abort();
        await late;
        pinging = null;
        // What it has told meanwhile comes with a cursor that claims no more than that.
        isSilent = false;
      },
    );
  }

  return {
    watch(organizationId) {
      watched.add(organizationId);
      // Of what has been told of already its logs were left out.
      stream?.reader.watched(organizationId);
      for (const { more } of stream?.waiting ?? []) more.add(organizationId);
      keepUp();
      void (async () => {
        if (stream === null) await Promise.race([heard.promise, wait(PATIENCE, over.signal)]);
        // With the stream that came meanwhile it was said.
        else await Promise.resolve();
        if (!watched.has(organizationId) || over.signal.aborted) return;
        events.listening(organizationId, true);
        if (!isHeard()) {
          ask("A replication slot is being made, which waits for all transactions that are open");
        }
      })();
    },
    unwatch(organizationId) {
      watched.delete(organizationId);
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
      await within(1000, Promise.all([running, asking, looking]), "The stream did not end").catch(() => {});
    },
  };
}

/** The snapshot that a slot begins with: what it shows was committed before. */
async function snapshotOf(connection: postgres.Sql, name: string): Promise<Cursor> {
  if (!/^[0-9A-F-]+$/u.test(name)) throw new RangeError(`Not a snapshot: ${name}`);
  try {
    const results = await connection.unsafe(
      `begin isolation level repeatable read read only; set transaction snapshot '${name}';
      select pg_current_snapshot()::text as snapshot; commit`,
    ).simple() as unknown as readonly (readonly { readonly snapshot?: string }[])[];
    const snapshot = results.flat().find((row) => row.snapshot !== undefined)?.snapshot;
    if (snapshot === undefined) throw new Error("PostgreSQL gave no snapshot");
    return parseCursor(snapshot);
  } catch (error) {
    await connection`rollback`.simple();
    throw error;
  }
}

/** Whether a snapshot shows all that another one does. */
function shows(later: Cursor, earlier: Cursor): boolean {
  return later.xmax >= earlier.xmax && !later.xip.some((xid) => isVisible(xid, earlier));
}

/** Logs in pieces that may wait without taking much room. */
function* pieces(logs: readonly TransactionLog[]): Generator<readonly TransactionLog[]> {
  let from = 0;
  let characters = 0;
  for (const [i, { log }] of logs.entries()) {
    characters += log.whole.message.length;
    if (i + 1 - from < PIECE.logs && characters < PIECE.characters) continue;
    yield logs.slice(from, i + 1);
    from = i + 1;
    characters = 0;
  }
  if (from < logs.length) yield logs.slice(from);
}
