/** What the tests of `wal_stream.ts` put around it: a database whose log is read, what is heard of it, and a hub. */

import postgres from "postgres";
import { type TestDatabase, type TestServer, testServer } from "../tests/postgres.ts";
import { within } from "./backoff.ts";
import { connectListener } from "./database.ts";
import { NO_FILTER } from "./filter.ts";
import { createHub, type Hub, type Subscription } from "./hub.ts";
import { TestViewer } from "./hub/_testing.ts";
import { createListener, type Listener } from "./listener.ts";
import { createHubStore } from "./log_store/fetch.ts";
import { migrateUp } from "./migrations.ts";
import type { Notification } from "./notification.ts";
import { openWalStream, type WalState } from "./wal_stream.ts";

/** A PostgreSQL whose log can be decoded. */
export function walServer(): Promise<TestServer> {
  return testServer({ settings: { wal_level: "logical", max_prepared_transactions: "10" } });
}

/** A database as `--source wal` needs it. */
export async function walDatabase(on: TestServer): Promise<TestDatabase> {
  const db = await on.database();
  await asSuperuser(db, (sql) => sql`alter role tailpost replication`);
  await migrateUp(db.sql);
  await db.sql`
    create publication tailpost for table logs with (publish = 'insert', publish_via_partition_root = true)`;
  await db.sql`alter table logs disable trigger logs_notify`;
  return db;
}

/** Runs something as the superuser. */
export async function asSuperuser<T>(db: TestDatabase, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

/** Something that a source told, or that people were. */
export type Heard =
  | { readonly kind: "listening" | "missed" | "connected" | "streaming"; readonly organizationId?: number }
  | { readonly kind: "disconnected"; readonly reason: string }
  | { readonly kind: "late"; readonly reason: string | null }
  | { readonly kind: "announced"; readonly organizationId: number; readonly notification: Notification };

/** A listener that reads the log, and what it tells. */
export interface TestSource extends AsyncDisposable {
  readonly listener: Listener;
  readonly state: WalState;
  readonly heard: Heard[];
  /** Waits until what was heard fulfils a condition. */
  until(what: string, condition: () => boolean): Promise<void>;
  count(kind: Heard["kind"]): number;
  /** Waits until commits are heard. */
  untilStreaming(): Promise<void>;
  /** Messages of the logs that were announced, in order. */
  messages(organizationId: number): string[];
}

/** What a {@link TestSource} is made with. */
export interface TestSourceOptions {
  readonly url?: string;
  readonly keepBytes?: number;
  readonly probeInterval?: number;
  /** What is told is told to this one as well. */
  readonly hub?: () => Hub;
}

/** Starts one. */
export function startSource(
  db: TestDatabase,
  { url = db.url, keepBytes = 2 ** 30, probeInterval = 10_000, hub }: TestSourceOptions = {},
): TestSource {
  const heard: Heard[] = [];
  let changed = Promise.withResolvers<void>();
  const hear = (what: Heard) => {
    heard.push(what);
    changed.resolve();
    changed = Promise.withResolvers();
  };
  let isStreaming = false;
  const state: WalState = {
    get streaming() {
      return isStreaming;
    },
    set streaming(is) {
      isStreaming = is;
      if (is) hear({ kind: "streaming" });
    },
    retained: 0,
    slots: 0,
    givenUp: 0,
  };
  const listener = createListener({
    connect: (hooks) => connectListener(url, hooks),
    events: {
      listening(organizationId, isSettled) {
        hear({ kind: "listening", organizationId });
        hub?.().listening(organizationId, isSettled);
      },
      missed(since) {
        hear({ kind: "missed" });
        hub?.().missed(since);
      },
      notified: () => {},
      changed: () => {},
      announced(organizationId, notification) {
        hear({ kind: "announced", organizationId, notification });
        hub?.().announced(organizationId, notification);
      },
      disconnected(reason) {
        hear({ kind: "disconnected", reason });
        hub?.().disconnected(reason);
      },
    },
    openStream: (options) =>
      openWalStream({
        ...options,
        url,
        keepBytes,
        state,
        onLate: (reason) => hear({ kind: "late", reason }),
      }),
    onConnected: () => hear({ kind: "connected" }),
    delay: () => 10,
    probeInterval,
  });
  const until = async (what: string, condition: () => boolean) => {
    const all = (async () => {
      while (!condition()) await changed.promise;
    })();
    await within(
      60_000,
      all,
      () => new Error(`${what}: ${JSON.stringify(heard.map(({ kind }) => kind).slice(-50))}`),
    );
  };
  return {
    listener,
    state,
    heard,
    until,
    count: (kind) => heard.filter((one) => one.kind === kind).length,
    untilStreaming: () => until("Commits are not heard", () => state.streaming),
    messages: (organizationId) =>
      heard.flatMap((one) =>
        one.kind === "announced" && one.organizationId === organizationId
          ? one.notification.logs.flatMap((log) => "decoded" in log ? log.decoded.whole.message : [])
          : []
      ),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** A hub with its own source. */
export interface TestWalHub extends AsyncDisposable {
  readonly hub: Hub;
  readonly source: TestSource;
  open(want?: Partial<Subscription>): TestViewer;
}

/** Starts one. */
export function startHub(
  db: TestDatabase,
  options: Omit<TestSourceOptions, "hub"> & { linger?: number } = {},
): TestWalHub {
  const source = startSource(db, { ...options, hub: () => hub });
  const { listener } = source;
  const hub: Hub = createHub({
    source: { watch: (id) => listener.watch(id), unwatch: (id) => listener.unwatch(id) },
    store: createHubStore(db.sql),
    heartbeat: 60_000,
    maxViewers: 1000,
    linger: options.linger ?? 30_000,
  });
  return {
    hub,
    source,
    open: (want) =>
      new TestViewer(hub.subscribe({ organizationId: 1, filter: NO_FILTER, tail: 0, since: null, ...want })),
    async [Symbol.asyncDispose]() {
      hub.close();
      await source[Symbol.asyncDispose]();
    },
  };
}

/** Inserts one log. */
export async function insert(
  sql: postgres.Sql | postgres.ReservedSql,
  organizationId: number,
  message: string,
): Promise<void> {
  await sql`
    insert into logs (organization_id, level, service, message) values (${organizationId}, 'info', 'api', ${message})`;
}

/** A session of its own, which is closed with it. */
export async function session(db: TestDatabase): Promise<postgres.ReservedSql & AsyncDisposable> {
  const client = postgres(db.url, { max: 1, onnotice: () => {} });
  const reserved = await client.reserve();
  return Object.assign(reserved, { [Symbol.asyncDispose]: () => client.end({ timeout: 1 }) });
}

/** Asks until the answer is one. */
export async function untilTrue(what: string, ask: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + 60_000;
  while (!await ask()) if (performance.now() > until) throw new Error(what);
}

/** Slots of the database. */
export async function slotsOf(db: TestDatabase): Promise<string[]> {
  const rows = await db.sql<{ slot_name: string }[]>`
    select slot_name from pg_replication_slots where database = current_database()`;
  return rows.map(({ slot_name }) => slot_name);
}

/** Waits until somebody waits for the end of this session's transaction: a slot is being made. */
export async function untilWaitedFor(db: TestDatabase, holder: postgres.ReservedSql): Promise<void> {
  const [own] = await holder<{ xid: string }[]>`select pg_current_xact_id()::xid::text as xid`;
  await untilTrue("Nobody waits", async () => {
    const rows = await db.sql`
      select 1 from pg_locks where locktype = 'transactionid' and not granted and transactionid = ${
      own?.xid ?? ""
    }::xid`;
    return rows.length > 0;
  });
}
