/**
 * What the trigger announces, heard on the listener's connection: LISTEN, and saying what is watched, for the trigger announces
 * nothing else (migrations/0005). A transaction whose INSERT ran before its organization was watched sends nothing, and may
 * commit long after: until all that may be such have ended the hub is told that not everything is announced yet.
 */

import type postgres from "postgres";
import { wait } from "./backoff.ts";
import { createCrowding } from "./crowding.ts";
import type { SourceEvents } from "./hub/ports.ts";
import { channelOf } from "./notification.ts";

/** Commits of organizations, on one connection of the listener. */
export interface ChangeStream extends AsyncDisposable {
  /** Wants to hear of an organization; `SourceEvents.listening` tells when it does. */
  watch(organizationId: number): void;
  /** Does not want to hear of it any more. */
  unwatch(organizationId: number): void;
  /** Settles once what was to be watched so far is heard. Rejects when the stream has failed. */
  ready(): Promise<void>;
  /** An announcement came by NOTIFY. */
  heard(organizationId: number): void;
  /** Called with every liveness query of the connection. */
  renew(): Promise<void>;
}

/** What a {@link ChangeStream} is opened with. */
export interface ChangeStreamOptions {
  /** The listener's connection. */
  readonly connection: postgres.Sql;
  readonly events: Pick<SourceEvents, "listening" | "missed" | "announced" | "changed">;
  /** The stream has failed: the connection has to be given up. */
  readonly onFailure: (error: unknown) => void;
}

/** What is said counts for 90 seconds (migrations/0005): it is said again with every so many-th liveness query. */
const RENEW_EVERY = 3;

/** How often it is looked whether transactions have ended that may not be announced, in milliseconds: from and to. */
const LOOKS = { least: 100, most: 5000 };

/** How often the table is asked where nothing is announced for there would be too much of it, in milliseconds. */
const ASK_EVERY = 25;

/** How long, in milliseconds: at first, and where that was too short again and again. */
const ASK_FOR = { least: 3000, most: 30_000 };

/** Waits for transactions that began before an organization was watched. */
interface Unsettled {
  /** Virtual ids of those that had written to the table, or were about to. Of a prepared one it begins with -1/. */
  holders: Set<string>;
}

/** What was said by {@link say}. */
interface Said {
  /** Whether what was said before still held. */
  readonly held: boolean;
  /** From before: all that it shows was announced, if that did hold. */
  readonly snapshot: string;
}

/** Opens one. It takes a database without Tailpost's functions too, where everything is announced. */
export function openNotifyStream(
  { connection, events, onFailure }: Omit<ChangeStreamOptions, "events"> & {
    readonly events: Omit<ChangeStreamOptions["events"], "announced">;
  },
): ChangeStream {
  const over = new AbortController();
  const instance = crypto.randomUUID();
  const heard = new Set<number>();
  const unsettled = new Map<number, Unsettled>();
  /** What is to be heard, and of it what nobody was told of yet. */
  const wanted = new Set<number>();
  const untold = new Set<number>();
  /** Organizations that are asked for, and until when. */
  const asked = new Map<number, number>();
  /** How long they were last, and when that ended. */
  const askedBefore = new Map<number, { readonly milliseconds: number; readonly ended: number }>();
  let isAsking = false;
  let updating: Promise<void> | null = null;
  let isLooking = false;
  /** Ends the pause before the next look. */
  let lookSooner = () => {};
  let renewals = 0;
  /** What was said last. */
  let spoken: readonly number[] = [];
  /** All that this snapshot shows was announced, or the hub was told to ask the table; null before anything was said. */
  let announced: string | null = null;

  /** Says what is watched. Null where the database does not know of it. */
  async function say(): Promise<Said | null> {
    spoken = [...heard].filter((id) => !asked.has(id));
    // Whatever the role's defaults are: it writes, and in another isolation it would not see what others have said. With parameters
    // PostgreSQL takes one statement only; here is nothing but numbers and an id that was made above.
    const saying = connection.unsafe<[never[], Said[]]>(`
      set transaction isolation level read committed, read write;
      select pg_current_snapshot()::text as snapshot,
        tailpost_watch('${instance}', '{${spoken.join()}}') as held`);
    try {
      const [, [said]] = await saying;
      return said ?? null;
    } catch (error) {
      if (isUnknown(error)) return null;
      throw error;
    }
  }

  async function readHolders(): Promise<Set<string>> {
    // Who inserts takes this lock first, and keeps it to the end of its transaction.
    const rows = await connection<{ holder: string }[]>`
      select distinct virtualtransaction as holder from pg_locks
      where locktype = 'relation' and relation = to_regclass('logs') and mode = 'RowExclusiveLock'
        and database = (select oid from pg_database where datname = current_database())
        and pid is distinct from pg_backend_pid()`;
    return new Set(rows.map(({ holder }) => holder));
  }

  const crowding = createCrowding({ connection, onFailure, onCrowded: (ids) => ask(ids).catch(onFailure) });

  /** Writers wait for each other: they are not to announce anything for a while. The table is asked instead, which costs them nothing. */
  async function ask(organizationIds: readonly number[]): Promise<void> {
    const now = performance.now();
    for (const id of organizationIds) {
      if (!heard.has(id) || asked.has(id) || !isAwaited(id)) continue;
      const before = askedBefore.get(id);
      const milliseconds = before && now - before.ended < ASK_FOR.most
        ? Math.min(2 * before.milliseconds, ASK_FOR.most)
        : ASK_FOR.least;
      asked.set(id, now + milliseconds);
      askedBefore.set(id, { milliseconds, ended: now + milliseconds });
      unsettled.delete(id);
      // Before it is said: from then on commits are unannounced.
      events.listening(id, false);
    }
    if (isAsking || asked.size === 0) return;
    isAsking = true;
    await tell([]);
    while (asked.size > 0 && !over.signal.aborted) {
      await wait(ASK_EVERY, over.signal);
      for (const id of asked.keys()) events.changed(id);
      const ended = [...asked].filter(([, until]) => performance.now() >= until).map(([id]) => id);
      for (const id of ended) asked.delete(id);
      // As if it began to watch them now.
      if (ended.length > 0 && !over.signal.aborted) await tell(ended);
    }
    isAsking = false;
  }

  const isBehind = () => untold.size > 0 || heard.difference(wanted).size > 0;

  function keepUp(): void {
    if (updating || over.signal.aborted || !isBehind()) return;
    updating = update().then(() => {
      updating = null;
      keepUp();
    });
    // It stays what it is then: nothing more is asked on this connection.
    updating.catch(onFailure);
  }

  async function update(): Promise<void> {
    while (isBehind()) {
      const added = [...untold];
      const removed = [...heard.difference(wanted)];
      untold.clear();
      for (const id of added) heard.add(id);
      for (const id of removed) {
        heard.delete(id);
        askedBefore.delete(id);
      }
      for (const id of [...added, ...removed]) asked.delete(id);
      await Promise.all([
        ...added.map((id) => connection`listen ${connection(channelOf(id))}`.simple()),
        ...removed.map((id) => connection`unlisten ${connection(channelOf(id))}`.simple()),
      ]);
      await tell(added);
    }
  }

  /** Whether the hub is to be told of it: it may have been given up, or be watched anew, which is told then. */
  const isAwaited = (id: number) => wanted.has(id) && !untold.has(id) && !over.signal.aborted;

  /** Says what is watched, and begins with what was added; with the rest as well where that had not been watched all the while. */
  async function tell(added: readonly number[]): Promise<void> {
    const before = spoken;
    const said = await say();
    const lapsed = said === null || said.held ? [] : before.filter((id) => !added.includes(id));
    if (lapsed.length > 0) {
      // This process was suspended, or the clock was put forward. What comes from here on may claim what was not announced.
      events.missed(announced);
      for (const id of lapsed) if (isAwaited(id)) events.listening(id, false);
    }
    // While some is unsettled the snapshot may show what the hub has not asked for.
    if (said !== null && (lapsed.length > 0 || unsettled.size + asked.size === 0)) announced = said.snapshot;
    if (added.length + lapsed.length > 0) await begin([...added, ...lapsed], said);
  }

  /** What is announced of these from now on is all that commits, but for what began before. */
  async function begin(organizationIds: readonly number[], said: Said | null): Promise<void> {
    const holders = said === null ? new Set<string>() : await readHolders();
    for (const id of organizationIds) {
      // What is asked for by now is not watched.
      if (!isAwaited(id) || asked.has(id)) continue;
      if (holders.size > 0) unsettled.set(id, { holders });
      else unsettled.delete(id);
      events.listening(id, holders.size === 0);
    }
    if (holders.size === 0) return;
    lookSooner();
    if (!isLooking) look().catch(onFailure);
  }

  async function look(): Promise<void> {
    isLooking = true;
    for (let pause: number = LOOKS.least; unsettled.size > 0; pause = Math.min(1.5 * pause, LOOKS.most)) {
      const sooner = new AbortController();
      lookSooner = () => sooner.abort();
      await wait(pause, AbortSignal.any([over.signal, sooner.signal]));
      if (sooner.signal.aborted) {
        pause = LOOKS.least;
        await wait(pause, over.signal);
      }
      if (over.signal.aborted) return;
      const now = await readHolders();
      for (const [id, one] of unsettled) {
        const left = stillOpen(one.holders, now);
        if (left.symmetricDifference(one.holders).size === 0) continue;
        one.holders = left;
        if (left.size === 0) unsettled.delete(id);
        if (isAwaited(id)) events.listening(id, left.size === 0);
      }
    }
    // At once: what is unsettled from here on begins another look.
    isLooking = false;
  }

  return {
    watch(organizationId) {
      wanted.add(organizationId);
      untold.add(organizationId);
      keepUp();
    },
    unwatch(organizationId) {
      wanted.delete(organizationId);
      untold.delete(organizationId);
      unsettled.delete(organizationId);
      keepUp();
    },
    heard: (organizationId) => crowding.heard(organizationId),
    ready: () => updating ?? Promise.resolve(),
    async renew() {
      await updating;
      if (heard.size === 0 || ++renewals % RENEW_EVERY !== 0) return;
      await tell([]);
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      heard.clear();
      await say();
    },
  };
}

/**
 * Which transactions of those that held a lock have not ended, by those that hold one now. One that was prepared since is called
 * otherwise: where one is gone, all prepared ones may be it.
 */
export function stillOpen(before: ReadonlySet<string>, now: ReadonlySet<string>): Set<string> {
  const left = before.intersection(now);
  const isGone = [...before].some((holder) => !holder.startsWith("-1/") && !now.has(holder));
  if (isGone) { for (const holder of now) if (holder.startsWith("-1/")) left.add(holder); }
  return left;
}

/**
 * Whether the function is not there: the trigger of before announces everything. Where it is and fails, or may not be called,
 * nothing would be announced, and nobody is to be told otherwise.
 */
function isUnknown(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "42883";
}
