import assert from "node:assert/strict";
import type postgres from "postgres";
import { within } from "../backoff.ts";
import { type TestDatabase, type TestServer, testServer } from "../../tests/postgres.ts";
import { tlsServer, urlWith } from "../../tests/postgres_tls.ts";
import { startProxy } from "../../tests/proxy.ts";
import { decodePgOutput } from "./pgoutput.ts";
import { openReplication, type Replication, type ReplicationOptions } from "./replication.ts";
import { formatLsn } from "./lsn.ts";

const SETTINGS = { wal_level: "logical", max_prepared_transactions: "10" };
const server = await testServer({ settings: SETTINGS });

async function published(on: TestServer = server): Promise<TestDatabase> {
  const db = await on.database();
  await db.sql`create table t (id int, message text)`;
  await db.sql`create publication p for table t with (publish = 'insert')`;
  return db;
}

let slots = 0;

function open(url: string, options: Partial<ReplicationOptions> = {}): Promise<Replication> {
  const { signal } = new AbortController();
  return openReplication({ url, slot: `slot_${slots++}`, publication: "p", signal, ...options });
}

/** What a replication tells, in short; what is waited for is among it at last. */
async function record(replication: Replication, { delay }: { delay?: () => Promise<void> | void } = {}) {
  const told: string[] = [];
  let heard = Promise.withResolvers<void>();
  let position = 0n;
  await replication.start({
    message(bytes, lsn) {
      const message = decodePgOutput(bytes);
      if (message?.kind === "insert") told.push(String(message.value(0)));
      else if (message?.kind === "commit") {
        replication.confirm(message.endLsn);
        told.push("commit");
      } else if (message?.kind === "begin") {
        assert.ok(lsn <= message.finalLsn);
        told.push("begin");
      }
      heard.resolve();
      return delay?.();
    },
    position(lsn) {
      assert.ok(lsn >= position);
      position = lsn;
      replication.confirm(lsn);
    },
  });
  return {
    told,
    async until(count: number) {
      while (told.length < count) {
        heard = Promise.withResolvers();
        await within(20_000, heard.promise, `Only ${told.length} of ${count}`);
      }
    },
  };
}

async function slotsOf(sql: postgres.Sql) {
  return await sql<{ slot_name: string; confirmed: string }[]>`
    select slot_name, confirmed_flush_lsn as confirmed from pg_replication_slots where database = current_database()`;
}

async function untilNoSlot(sql: postgres.Sql): Promise<void> {
  while ((await slotsOf(sql)).length > 0);
}

async function settled(replication: Replication): Promise<Error> {
  return await within(20_000, replication.closed, "The replication did not close");
}

Deno.test("openReplication() tells what commits after the slot was made, and nothing else", async () => {
  await using db = await published();
  const [before, rolledBack] = [await db.sql.reserve(), await db.sql.reserve()];
  await db.sql`insert into t values (1)`;
  await using replication = await open(db.url);
  await db.sql`insert into t values (2)`;
  await before`begin`;
  await before`insert into t values (3), (4)`;
  await rolledBack`begin`;
  await rolledBack`insert into t values (5)`;
  await rolledBack`rollback`;
  const { told, until } = await record(replication);
  await until(3);
  await before`commit`;
  await db.sql`update t set message = 'x'`;
  await db.sql`insert into t values (6)`;
  await until(10);
  assert.deepEqual(told, ["begin", "2", "commit", "begin", "3", "4", "commit", "begin", "6", "commit"]);
  before.release();
  rolledBack.release();
});

Deno.test("openReplication() tells of prepared transactions when they are committed", async () => {
  await using db = await published();
  await using replication = await open(db.url);
  const { told, until } = await record(replication);
  for (const id of [1, 2]) await prepare(db, id);
  await db.sql`insert into t values (3)`;
  await until(3);
  await db.sql.unsafe(`commit prepared '${db.name}_2'`);
  await db.sql.unsafe(`rollback prepared '${db.name}_1'`);
  await db.sql`insert into t values (4)`;
  await until(9);
  assert.deepEqual(told, ["begin", "3", "commit", "begin", "2", "commit", "begin", "4", "commit"]);
});

Deno.test("openReplication() carries long messages whole", async () => {
  await using db = await published();
  await using replication = await open(db.url);
  const got = Promise.withResolvers<string>();
  await replication.start({
    message(bytes) {
      const message = decodePgOutput(bytes);
      if (message?.kind === "insert") got.resolve(message.value(1) ?? "");
    },
    position() {},
  });
  const long = "é".repeat(2 ** 20);
  await db.sql`insert into t values (1, ${long})`;
  assert.ok(await within(20_000, got.promise, "Nothing came") === long);
});

Deno.test("openReplication() exports a snapshot of what was committed before", async () => {
  await using db = await published();
  await using open_ = await keepOpen(db);
  await db.sql`insert into t values (1)`;
  const opening = open(db.url);
  // The slot waits for the transaction that is open.
  while ((await slotsOf(db.sql)).length < 1);
  await db.sql`insert into t values (2)`;
  await open_.commit();
  await using replication = await opening;
  await db.sql`insert into t values (3)`;
  const reader = await db.sql.reserve();
  await reader`begin isolation level repeatable read`;
  await reader.unsafe(`set transaction snapshot '${replication.snapshotName}'`);
  const [seen] = await reader<{ snapshot: string; ids: number[] }[]>`
    select pg_current_snapshot()::text as snapshot, array(select id from t order by id) as ids`;
  await reader`commit`;
  reader.release();
  assert.match(seen?.snapshot ?? "", /^\d+:\d+:[\d,]*$/u);
  assert.deepEqual(seen?.ids, [0, 1, 2]);
  const { told, until } = await record(replication);
  await until(3);
  assert.deepEqual(told, ["begin", "3", "commit"]);
});

/** Inserts a row in a transaction that is prepared, and named after the database and the row. */
async function prepare(db: TestDatabase, id: number): Promise<void> {
  const sql = await db.sql.reserve();
  await sql`begin`;
  await sql`insert into t values (${id})`;
  await sql.unsafe(`prepare transaction '${db.name}_${id}'`);
  sql.release();
}

/** A transaction with an id, open until it is told to commit. */
async function keepOpen(db: TestDatabase) {
  const sql = await db.sql.reserve();
  await sql`begin`;
  await sql`insert into t values (0)`;
  let open = true;
  const end = async (how: string) => {
    if (!open) return;
    open = false;
    await sql.unsafe(how);
    sql.release();
  };
  return { commit: () => end("commit"), [Symbol.asyncDispose]: () => end("rollback") };
}

Deno.test("openReplication() gives up behind a transaction that stays open, and leaves no slot", async () => {
  await using db = await published();
  {
    await using _ = await keepOpen(db);
    await assert.rejects(open(db.url, { createTimeout: 200 }), { code: "55P03" });
    await untilNoSlot(db.sql);
  }
  await prepare(db, 1);
  await assert.rejects(open(db.url, { createTimeout: 200 }), { code: "55P03" });
  await untilNoSlot(db.sql);
  await db.sql.unsafe(`rollback prepared '${db.name}_1'`);
  await using _ = await open(db.url, { createTimeout: 200 });
});

Deno.test("openReplication() says why it cannot, and stops when it is told to", async () => {
  await using db = await published();
  await assert.rejects(open(db.url, { slot: "No-slot" }), RangeError);
  await assert.rejects(open(db.url.replace(db.name, "nowhere")), { code: "3D000" });
  await using replication = await open(db.url, { slot: "taken" });
  await assert.rejects(open(db.url, { slot: "taken" }), { code: "42710" });
  await assert.rejects(
    open(db.url, { signal: AbortSignal.abort(new Error("Stopped before")) }),
    /Stopped before/u,
  );
  await using _ = await keepOpen(db);
  const stopping = new AbortController();
  const opening = open(db.url, { signal: stopping.signal });
  while ((await slotsOf(db.sql)).length < 2);
  stopping.abort(new Error("Stopped meanwhile"));
  await assert.rejects(opening, /Stopped meanwhile/u);
  assert.equal((await slotsOf(db.sql)).some(({ slot_name }) => slot_name === "taken"), true);
  await replication[Symbol.asyncDispose]();
});

Deno.test("openReplication() works through TLS, to its end and to that of the server", async () => {
  await using tls = await tlsServer();
  for (const end of ["dispose", "terminate", "abort"]) {
    await using db = await published(tls.postgres);
    const url = urlWith(db, { sslmode: "verify-full", sslrootcert: tls.authority.cert });
    const stopping = new AbortController();
    const replication = await open(url, { signal: stopping.signal });
    const { until } = await record(replication);
    await db.sql`insert into t select n, repeat('x', 1000) from generate_series(1, 1000) as n`;
    await until(1002);
    await replication.ping();
    if (end === "dispose") await replication[Symbol.asyncDispose]();
    else if (end === "abort") stopping.abort(new Error("Stopped"));
    else {
      await db.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'tailpost-wal' and datname = ${db.name}`;
    }
    const reason = await settled(replication);
    assert.match(
      reason.message,
      { dispose: /was closed/u, terminate: /terminating/u, abort: /Stopped/u }[end] ?? /-/u,
    );
    await untilNoSlot(db.sql);
  }
});

Deno.test("Replication leaves no slot when it is disposed of or its socket is destroyed, started or not", async () => {
  await using db = await published();
  for (const started of [false, true]) {
    const replication = await open(db.url);
    if (started) await record(replication);
    assert.equal((await slotsOf(db.sql)).length, 1);
    await replication[Symbol.asyncDispose]();
    assert.match((await settled(replication)).message, /was closed/u);
    await untilNoSlot(db.sql);

    const stopping = new AbortController();
    const other = await open(db.url, { signal: stopping.signal });
    if (started) await record(other);
    stopping.abort(new Error("Stopped"));
    assert.match((await settled(other)).message, /Stopped/u);
    await assert.rejects(other.ping(), /Stopped/u);
    await untilNoSlot(db.sql);
    await other[Symbol.asyncDispose]();
  }
});

Deno.test("Replication.confirm() moves the slot on, and so do positions", async () => {
  await using db = await published();
  await using replication = await open(db.url);
  const { until } = await record(replication);
  const moved = async (lsn: string) => {
    for (;;) {
      const [row] = await db.sql`
        select confirmed_flush_lsn >= ${lsn}::pg_lsn as moved from pg_replication_slots where database = ${db.name}`;
      if (row?.moved) return;
    }
  };
  await db.sql`insert into t values (1)`;
  await until(3);
  await moved(formatLsn(replication.consistentPoint + 1n));
  // What is of no interest to the publication moves the position alone.
  await db.sql`create table other ()`;
  const [row] = await db.sql<{ lsn: string }[]>`select pg_current_wal_lsn() as lsn`;
  await within(20_000, replication.ping(), "No answer");
  await replication.ping();
  await moved(row?.lsn ?? "");
});

Deno.test("Replication reads no more than its consumer takes", async () => {
  await using db = await published();
  await using replication = await open(db.url);
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const { told, until } = await record(replication, { delay: () => gate.promise });
  await db.sql`insert into t values (1)`;
  await until(3);
  gate = Promise.withResolvers<void>();
  await db.sql`insert into t select n, repeat('x', 10000) from generate_series(1, 10000) as n`;
  await until(4);
  // The server cannot get rid of it.
  for (;;) {
    const [row] = await db.sql`
      select wait_event from pg_stat_activity where application_name = 'tailpost-wal' and datname = ${db.name}`;
    if (row?.wait_event === "WalSenderWriteData") break;
  }
  assert.equal(told.length, 4);
  gate.resolve();
  await until(3 + 10_002);
  assert.deepEqual(told.slice(4, -1), Array.from({ length: 10_000 }, (_, index) => String(index + 1)));
});

Deno.test("Replication ends with what its handlers throw", async () => {
  await using db = await published();
  for (
    const message of [() => Promise.reject(new Error("thrown")), () => {
      throw new Error("thrown");
    }]
  ) {
    await using replication = await open(db.url);
    await replication.start({ message, position() {} });
    await db.sql`insert into t values (1)`;
    assert.match((await settled(replication)).message, /thrown/u);
  }
  await untilNoSlot(db.sql);
});

Deno.test("Replication.closed settles with the server's reason when it is terminated, started or not", async () => {
  await using db = await published();
  for (const started of [false, true]) {
    await using replication = await open(db.url);
    await assert.rejects(replication.ping(), /not started/u);
    if (started) await record(replication);
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'tailpost-wal' and datname = ${db.name}`;
    const reason = await settled(replication);
    assert.equal(Reflect.get(reason, "code"), "57P01");
    await assert.rejects(replication.ping(), reason);
    if (!started) await assert.rejects(replication.start({ message() {}, position() {} }), reason);
  }
});

Deno.test("Replication.start() takes publications of any name, once", async () => {
  await using db = await published();
  await db.sql`create publication ${db.sql(`it's "odd"`)} for table t with (publish = 'insert')`;
  await using replication = await open(db.url, { publication: `it's "odd"` });
  const { until } = await record(replication);
  await assert.rejects(replication.start({ message() {}, position() {} }), /started before/u);
  await db.sql`insert into t values (1)`;
  await until(3);
});

Deno.test("Replication.closed settles when PostgreSQL ends or crashes, and does not hold it up", async () => {
  await using server = await testServer({ settings: SETTINGS });
  for (const mode of ["fast", "immediate"] as const) {
    const db = await published(server);
    const replication = await open(db.url);
    const { until } = await record(replication);
    await db.sql`insert into t values (1)`;
    await until(3);
    await db.sql.end();
    const started = performance.now();
    await server.stop(mode);
    // Before PostgreSQL is made to.
    assert.ok(performance.now() - started < 4000);
    const reason = await settled(replication);
    assert.match(reason.message, mode === "fast" ? /ended the replication/u : /./u);
    await replication[Symbol.asyncDispose]();
    await server.start();
  }
});

Deno.test("Replication.ping() finds a connection on which nothing comes any more", async () => {
  await using db = await published();
  await using proxy = startProxy(db.url);
  const stopping = new AbortController();
  await using replication = await open(proxy.url, { signal: stopping.signal });
  await record(replication);
  await replication.ping();
  const left = proxy.blackHole();
  await assert.rejects(within(300, replication.ping(), "Silence"), /Silence/u);
  stopping.abort(new Error("Given up"));
  assert.match((await settled(replication)).message, /Given up/u);
  await left;
});

Deno.test("Replication can be disposed of where nothing comes any more", async () => {
  await using db = await published();
  await using proxy = startProxy(db.url);
  const replication = await open(proxy.url);
  await record(replication);
  const left = proxy.blackHole();
  await within(5000, Promise.resolve(replication[Symbol.asyncDispose]()), "It hangs");
  await left;
  await replication.closed;
});

Deno.test("Replication.closed settles when the connection is cut, at whatever byte", async () => {
  await using db = await published();
  for (const bytes of [1, 30, 5000]) {
    await using proxy = startProxy(db.url);
    await using replication = await open(proxy.url);
    proxy.cutAfter(bytes);
    const starting = record(replication).catch(() => {});
    await db.sql`insert into t select n, repeat('x', 1000) from generate_series(1, 100) as n`;
    await settled(replication);
    await starting;
  }
  await untilNoSlot(db.sql);
});

Deno.test("openReplication() fails in time where nobody answers", async () => {
  await using db = await published();
  await using proxy = startProxy(db.url);
  const left = proxy.blackHole();
  await assert.rejects(open(proxy.url, { createTimeout: 100 }), /too long/u);
  proxy.hangUp();
  await assert.rejects(open(proxy.url), /hung up/u);
  await left;
});
