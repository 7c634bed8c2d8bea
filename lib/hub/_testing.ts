/** What the tests of the hub put on its ports: a database in memory with transactions, and a viewer that reads. */

import { createParser } from "eventsource-parser";
import { cursorUpTo, formatCursor, isVisible, parseCursor } from "../cursor.ts";
import { FakeClock } from "../fake_clock.ts";
import { NO_FILTER, parseFilter } from "../filter.ts";
import {
  createHub,
  type Hub,
  type HubOptions,
  type HubStore,
  type Source,
  type Subscription,
} from "../hub.ts";
import type { Level, Log } from "../log.ts";
import { compileFilter, matches } from "../match.ts";
import type { DatabaseProblem, DatabaseState, Gap } from "../sse.ts";
import { type Fetched, type FetchQuery, ForeignCursorError } from "./ports.ts";

/** A log that a test inserts. */
export interface Insert {
  readonly message: string;
  readonly level?: Level;
  readonly service?: string;
  readonly organizationId?: number;
  /** How it is announced. */
  readonly as?: "id" | "more" | "nothing";
}

interface Row {
  readonly organizationId: number;
  readonly whole: Log;
  readonly xid: bigint;
}

/** A transaction that is open. */
export interface Transaction {
  /** Returns the ids. */
  insert(...logs: (string | Insert)[]): number[];
  commit(): void;
  rollback(): void;
}

const PREVIEW = 20;

/** Tables, snapshots and notifications as PostgreSQL has them, one thing at a time. */
export class MemoryDatabase {
  readonly watched = new Set<number>();
  /** Questions that the hub asked, in order. */
  readonly asked: string[] = [];
  /** Questions that fail before others are answered. */
  failures = 0;
  /** While set, questions wait for it before they see a snapshot. */
  gate: Promise<void> | null = null;
  /** While set, answers wait for it after they have seen their snapshot. */
  answerGate: Promise<void> | null = null;
  /** As many logs as a catch-up with a filter reads before it hands on a part. */
  patience = Infinity;
  /** While false, commits are not announced: the trigger is off. */
  announces = true;
  /** Whether an INSERT announces only what is watched at its moment; what was inserted before is waited for, see {@link look}. */
  announcesWatched = false;
  /** Announcements are kept for {@link deliver}, as on a connection that is slow. */
  delivers = true;
  hub!: Hub;
  /** When it was started. */
  started = "first";
  #rows: Row[] = [];
  #nextId = 1;
  #nextXid = 100n;
  #latest = 99n;
  readonly #running = new Set<bigint>();
  #connected = true;
  /** What the trigger knows to be watched. */
  #said = new Set<number>();
  /** By organization, the transactions that had inserted before it was watched and are still open. */
  readonly #unsettled = new Map<number, ReadonlySet<bigint>>();
  #undelivered: (() => void)[] = [];

  readonly source: Source = {
    watch: (organizationId) => {
      this.watched.add(organizationId);
      queueMicrotask(() => this.#begin(organizationId));
    },
    unwatch: (organizationId) => {
      this.watched.delete(organizationId);
      this.#said.delete(organizationId);
      this.#unsettled.delete(organizationId);
    },
  };

  /** Whether somebody is told that not all is announced. */
  get isSettled(): boolean {
    return this.#unsettled.size === 0;
  }

  #begin(organizationId: number): void {
    if (!this.#connected || !this.watched.has(organizationId)) return;
    this.#said.add(organizationId);
    const holders = this.announcesWatched ? new Set(this.#running) : new Set<bigint>();
    if (holders.size > 0) this.#unsettled.set(organizationId, holders);
    else this.#unsettled.delete(organizationId);
    this.hub.listening(organizationId, holders.size === 0);
  }

  /** Looks which transactions have ended that are waited for. */
  look(): void {
    for (const [organizationId, before] of this.#unsettled) {
      const holders = before.intersection(this.#running);
      if (holders.size === before.size) continue;
      if (holders.size > 0) this.#unsettled.set(organizationId, holders);
      else this.#unsettled.delete(organizationId);
      this.hub.listening(organizationId, holders.size === 0);
    }
  }

  /** What is watched was not said for a while. {@link renew} notices. */
  lapse(): void {
    this.#said.clear();
  }

  /** It is said again. All that is visible in `since` was announced. */
  renew(since: string): void {
    if (!this.#connected) return;
    this.hub.missed(since);
    for (const organizationId of this.watched) this.hub.listening(organizationId, false);
    for (const organizationId of this.watched) this.#begin(organizationId);
  }

  /** Delivers what was kept. */
  deliver(): void {
    for (const deliver of this.#undelivered.splice(0)) deliver();
  }

  readonly store: HubStore = {
    snapshot: () => this.#answer("snapshot", () => this.snapshot()),
    catchUp: ({ since, head, had, ...query }) =>
      this.#answer("catchUp", () => {
        const cursor = parseCursor(since);
        if (cursor.xmax > this.#latest + 1n) throw new ForeignCursorError();
        const missed = this.#find(query)
          .filter(({ xid, whole }) => !isVisible(xid, cursor) && !had.includes(whole.id))
          .sort((a, b) => Number(a.xid - b.xid) || a.whole.id - b.whole.id);
        const last = query.filter === NO_FILTER ? undefined : missed[this.patience];
        if (last) {
          missed.splice(missed.findIndex(({ xid }) => xid === last.xid));
          const until = parseCursor(this.snapshot());
          const upTo = formatCursor(cursorUpTo(missed.at(-1)?.xid ?? 0n, { since: cursor, until }));
          return { ...this.#fetched(missed, null), cursor: upTo, partial: true as const };
        }
        const over = Math.max(0, missed.length - query.limit);
        const dropped = missed.slice(Math.min(head, over), over);
        const times = dropped.map(({ whole }) => whole.timestamp).sort();
        const gap: Gap = { missed: dropped.length, from: times[0] ?? "", to: times.at(-1) ?? "" };
        const fetched = this.#fetched(missed.filter((row) => !dropped.includes(row)), null);
        if (dropped.length === 0) return fetched;
        return { ...fetched, head: fetched.logs.slice(0, head), logs: fetched.logs.slice(head), gap };
      }),
    newest: (query) =>
      this.#answer("newest", () => {
        const rows = this.#find(query).sort((a, b) => a.whole.id - b.whole.id);
        return this.#fetched(query.limit > 0 ? rows.slice(-query.limit) : [], null);
      }),
    read: (organizationId, ids) =>
      this.#answer(
        `read ${ids.length}`,
        () =>
          this.#rows.filter((row) => row.organizationId === organizationId && ids.includes(row.whole.id))
            .map(({ whole }) => ({ log: preview(whole), whole })),
      ),
  };

  snapshot(): string {
    const xmax = this.#latest + 1n;
    const xip = [...this.#running].filter((xid) => xid < xmax).sort((a, b) => Number(a - b));
    return formatCursor({ xmin: xip[0] ?? xmax, xmax, xip });
  }

  begin(): Transaction {
    let xid: bigint | null = null;
    const rows: Row[] = [];
    const payloads: { organizationId: number; payload: unknown }[] = [];
    const end = () => {
      if (xid === null) return;
      this.#running.delete(xid);
      if (xid > this.#latest) this.#latest = xid;
    };
    return {
      insert: (...logs) => {
        const own = xid ??= this.#nextXid++;
        this.#running.add(own);
        return logs.map((log) => {
          const insert = typeof log === "string" ? { message: log } : log;
          const { level = "info", service = "api", message, organizationId = 1 } = insert;
          const id = this.#nextId++;
          const timestamp = new Date(Date.UTC(2026, 0, 31) + id).toISOString();
          const row = { organizationId, xid: own, whole: { id, timestamp, level, service, message } };
          rows.push(row);
          if (insert.as === "nothing") return id;
          if (this.announcesWatched && !this.#said.has(organizationId)) return id;
          const s = this.snapshot();
          const payload = insert.as === "more"
            ? { s, more: true }
            : { s, logs: [insert.as === "id" ? { id } : preview(row.whole)] };
          payloads.push({ organizationId, payload });
          return id;
        });
      },
      commit: () => {
        this.#rows.push(...rows);
        end();
        for (const { organizationId, payload } of payloads) {
          if (!this.#connected || !this.announces || !this.watched.has(organizationId)) continue;
          const deliver = () => this.hub.notified(organizationId, JSON.stringify(payload));
          if (this.delivers) deliver();
          else this.#undelivered.push(deliver);
        }
      },
      rollback: end,
    };
  }

  /** Inserts in a transaction of its own. */
  insert(...logs: (string | Insert)[]): number[] {
    const tx = this.begin();
    const ids = tx.insert(...logs);
    tx.commit();
    return ids;
  }

  delete(id: number): void {
    this.#rows = this.#rows.filter(({ whole }) => whole.id !== id);
  }

  /** A backup of an earlier time takes the place of all there is. */
  restore(): void {
    this.#rows = [];
    this.#nextId = 1;
    this.#nextXid = 50n;
    this.#latest = 49n;
  }

  /** Comes back from a crash, and hands out transaction ids from here on. */
  crash(nextXid: bigint): void {
    this.#nextXid = nextXid;
    this.#latest = nextXid - 1n;
    this.started = "again";
  }

  /** The listener loses its connection. */
  disconnect(): void {
    this.#connected = false;
    this.#said.clear();
    this.#unsettled.clear();
    this.#undelivered = [];
    this.hub.disconnected("lost");
  }

  /** It has another. */
  reconnect(): void {
    this.#connected = true;
    for (const organizationId of this.watched) this.#begin(organizationId);
  }

  async #answer<T>(question: string, answer: () => T): Promise<T> {
    this.asked.push(question);
    await this.gate;
    if (this.failures > 0) {
      this.failures--;
      throw new Error("The database is away");
    }
    const answered = answer();
    await this.answerGate;
    return answered;
  }

  #find({ organizationId, filter }: FetchQuery): Row[] {
    const matcher = compileFilter(filter);
    return this.#rows.filter((row) => row.organizationId === organizationId && matches(matcher, row.whole));
  }

  #fetched(rows: Row[], gap: Gap | null): Fetched {
    return {
      head: [],
      logs: rows.map(({ whole, xid }) => ({ log: preview(whole), xid })),
      cursor: this.snapshot(),
      started: this.started,
      gap,
    };
  }
}

function preview(log: Log): Log {
  return log.message.length > PREVIEW
    ? { ...log, message: log.message.slice(0, PREVIEW), truncated: true }
    : log;
}

/** One thing that a viewer was sent. */
export type Said =
  | { readonly kind: "log"; readonly log: Log }
  | {
    readonly kind: "ready";
    readonly database: DatabaseState;
    readonly cursor: string | null;
    readonly problem?: DatabaseProblem;
  }
  | { readonly kind: "status"; readonly database: DatabaseState; readonly problem?: DatabaseProblem }
  | { readonly kind: "gap"; readonly gap: Gap }
  | { readonly kind: "cursor"; readonly cursor: string }
  | { readonly kind: "heartbeat" };

/** A viewer that reads, at once or when it is told. */
export class TestViewer {
  readonly said: Said[] = [];
  readonly chunks: Uint8Array[] = [];
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #reading: Promise<void> | null = null;
  #changed = Promise.withResolvers<void>();
  readonly #parser = createParser({
    onEvent: ({ event, data }) => {
      const value = JSON.parse(data);
      if (event === undefined) this.said.push({ kind: "log", log: value });
      else if (event === "gap") this.said.push({ kind: "gap", gap: value });
      else this.said.push({ kind: event as "ready" | "status", ...value });
    },
    onComment: (comment) => comment === "heartbeat" && this.said.push({ kind: "heartbeat" }),
  });

  constructor(stream: ReadableStream<Uint8Array>, { reads = true } = {}) {
    this.#reader = stream.getReader();
    if (reads) this.read();
  }

  /** Begins to read. */
  read(): void {
    this.#reading ??= (async () => {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (value) this.#take(value);
        if (done) this.ended = true;
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
        if (done) return;
      }
    })();
  }

  /** Waits until what was said fulfils a condition. */
  async until(condition: (viewer: this) => boolean): Promise<void> {
    while (!condition(this)) await this.#changed.promise;
  }

  /** Waits until a log with this message was sent. */
  untilLog(message: string): Promise<void> {
    return this.until(() => this.messages.includes(message));
  }

  /** Waits until logs are sent at once: it was told `ready`. */
  untilReady(): Promise<void> {
    return this.until(() => this.said.some(({ kind }) => kind === "ready"));
  }

  get messages(): string[] {
    return this.said.flatMap((said) => said.kind === "log" ? said.log.message : []);
  }

  get states(): DatabaseState[] {
    return this.said.flatMap((said) => said.kind === "ready" || said.kind === "status" ? said.database : []);
  }

  /** The code of the problem in each of them, "" for none. */
  get problems(): string[] {
    return this.said.flatMap((said) =>
      said.kind === "ready" || said.kind === "status" ? said.problem?.code ?? "" : []
    );
  }

  get gaps(): Gap[] {
    return this.said.flatMap((said) => said.kind === "gap" ? said.gap : []);
  }

  /** The newest cursor, as a browser would send it back. */
  get cursor(): string | null {
    const last = this.said.findLast((said) => said.kind === "cursor");
    return last?.cursor ?? null;
  }

  /** Goes away. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
    await this.#reading;
  }

  #take(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    // The parser dispatches no block that is an id alone, which is the point of such blocks: they are looked for here.
    for (const block of this.#decoder.decode(chunk, { stream: true }).split(/(?<=\n\n)/u)) {
      this.#parser.feed(block);
      const cursor = /^id: (.*)\n\n$/u.exec(block)?.[1];
      if (cursor !== undefined) this.said.push({ kind: "cursor", cursor });
    }
  }
}

/** A hub on a {@link MemoryDatabase}. */
export interface TestHub extends AsyncDisposable {
  readonly hub: Hub;
  readonly clock: FakeClock;
  readonly database: MemoryDatabase;
  readonly errors: string[];
  open(query?: string, want?: Partial<Subscription> & { reads?: boolean }): TestViewer;
}

/** Makes one. */
export function testHub(options: Partial<HubOptions> = {}): TestHub {
  const clock = new FakeClock();
  const database = new MemoryDatabase();
  const errors: string[] = [];
  const hub = createHub({
    source: database.source,
    store: database.store,
    heartbeat: 15_000,
    maxViewers: 1000,
    clock,
    onError: (message) => errors.push(message),
    ...options,
  });
  database.hub = hub;
  return {
    hub,
    clock,
    database,
    errors,
    open(query = "", { reads = true, ...want } = {}) {
      const filter = query === "" ? NO_FILTER : parseFilter(new URLSearchParams(query));
      return new TestViewer(hub.subscribe({ organizationId: 1, filter, tail: 0, since: null, ...want }), {
        reads,
      });
    },
    [Symbol.asyncDispose]() {
      hub.close();
      return Promise.resolve();
    },
  };
}
