import assert from "node:assert/strict";
import postgres from "postgres";
import { pgBouncerTest, startPgBouncer } from "../tests/pgbouncer.ts";
import { testServer } from "../tests/postgres.ts";
import { connectListener, createPool, notifyOnce } from "./database.ts";
import { expectedBody, factsOf, readFacts } from "./database_facts.ts";
import { diagnose } from "./database_state.ts";
import { createDatabaseWatch } from "./database_watch.ts";
import { createListener } from "./listener.ts";
import { repair } from "./repair.ts";
import type { Source } from "./wal_state.ts";
import { migrateUp, readMigrations } from "./migrations.ts";

const server = await testServer({ settings: { wal_level: "logical", max_replication_slots: "1" } });
const body = await expectedBody(await readMigrations());

/** A watch beside a listener that asks every 20 ms. */
function startWatch(url: string, options: { source?: Source; hasSlot?: () => boolean } = {}) {
  const sql = createPool(url, { size: 1 });
  const problems: (string | null)[] = [];
  const missed: (string | null)[] = [];
  const errors: unknown[] = [];
  const restarts: bigint[] = [];
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const watch = createDatabaseWatch({
    sql,
    ...options,
    notify: (channel) => notifyOnce(url, channel),
    onProblem(problem) {
      problems.push(problem?.code ?? null);
      tell();
    },
    onMissed(since) {
      missed.push(since);
      tell();
    },
    onRestart: (xid) => restarts.push(xid),
    onNote: () => {},
    onError: (_, error) => errors.push(error),
  });
  const listener = createListener({
    connect: (hooks) =>
      connectListener(url, {
        ...hooks,
        onnotify(channel, payload) {
          watch.heard(channel);
          hooks.onnotify(channel, payload);
        },
      }),
    probe: (connection) => watch.probe(connection),
    probeInterval: 20,
    delay: () => 20,
    onConnected() {
      watch.connected();
      tell();
    },
    events: {
      listening: () => {},
      notified: () => {},
      missed: () => {},
      announced: () => {},
      changed: () => {},
      disconnected: () => (watch.disconnected(), tell()),
    },
  });
  return {
    watch,
    listener,
    problems,
    missed,
    errors,
    restarts,
    async until(condition: () => boolean) {
      while (!condition()) await changed.promise;
    },
    async [Symbol.asyncDispose]() {
      await listener[Symbol.asyncDispose]();
      await sql.end();
    },
  };
}

Deno.test("createDatabaseWatch() notices by the liveness query alone, and asks for what is not announced", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await using test = startWatch(db.url);
  await test.until(() => test.listener.connected);
  assert.deepEqual(test.problems, []);
  await db.sql`alter table logs disable trigger logs_notify`;
  await test.until(() => test.problems.length === 1);
  const asked = test.missed.length;
  await test.until(() => test.missed.length >= asked + 3);
  await db.sql`alter table logs enable trigger logs_notify`;
  await test.until(() => test.problems.length === 2);
  assert.deepEqual(test.problems, ["trigger_disabled", null]);
  assert.ok(test.missed.every((since) => since !== null));
  const [row] = await db.sql<
    { xmax: string }[]
  >`select pg_snapshot_xmax(pg_current_snapshot())::text as xmax`;
  assert.ok(test.watch.xmax > 0n && test.watch.xmax <= BigInt(row?.xmax ?? 0));
  await db.sql.begin(async (sql) => {
    await sql`alter table logs disable trigger logs_notify`;
    await sql`alter table logs enable trigger logs_notify`;
  });
  const before = test.missed.length;
  await test.until(() => test.missed.length > before);
  assert.deepEqual([test.problems.length, test.errors], [2, []]);
});

Deno.test("createDatabaseWatch() with wal judges the publication in place of the trigger", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await repair(db.sql, { source: "wal" });
  let hasSlot = false;
  await using test = startWatch(db.url, { source: "wal", hasSlot: () => hasSlot });
  await test.until(() => test.listener.connected);
  assert.deepEqual(test.problems, []);
  await db.sql`alter table logs enable trigger logs_notify`;
  await db.sql`alter publication tailpost set (publish = 'update')`;
  await test.until(() => test.problems.length === 1);
  // The stream does not notice what it does not get: the table is asked with each look.
  const asked = test.missed.length;
  await test.until(() => test.missed.length >= asked + 3);
  await db.sql`alter publication tailpost set (publish = 'insert')`;
  await test.until(() => test.problems.length === 2);
  // Off for a moment, and on again.
  const before = test.missed.length;
  await db.sql.begin(async (sql) => {
    await sql`alter publication tailpost set (publish = 'update')`;
    await sql`alter publication tailpost set (publish = 'insert')`;
  });
  await test.until(() => test.missed.length > before);
  // Without a slot of its own a server needs one; it asks the table by itself until then.
  await db.sql`select pg_create_physical_replication_slot('other')`;
  await test.until(() => test.problems.length === 3);
  await test.watch.inspect();
  const quiet = test.missed.length;
  for (let looks = 0; looks < 5; looks++) await test.watch.inspect();
  assert.equal(test.missed.length, quiet);
  hasSlot = true;
  await test.until(() => test.problems.length === 4);
  await db.sql`select pg_drop_replication_slot('other')`;
  assert.deepEqual(test.problems, ["publication", null, "slots_full", null]);
  assert.deepEqual(test.errors, []);
});

pgBouncerTest(
  "createDatabaseWatch() with wal tells of any pooler that does not carry replication",
  async () => {
    await using db = await server.database();
    await migrateUp(db.sql);
    await repair(db.sql, { source: "wal" });
    const settings = { ignore_startup_parameters: "statement_timeout" };
    await using pooler = await startPgBouncer(db.url, { mode: "session", settings });
    let hasSlot = false;
    await using test = startWatch(pooler.url, { source: "wal", hasSlot: () => hasSlot });
    await test.until(() => test.problems.length === 1);
    // Newer ones do.
    hasSlot = true;
    await test.until(() => test.problems.length === 2);
    assert.deepEqual(test.problems, ["pooler", null]);
    assert.deepEqual(test.errors, []);
  },
);

Deno.test("createDatabaseWatch() tells nothing of a database that is away, and again once it is back", async () => {
  await using own = await testServer();
  await using db = await own.database();
  await using test = startWatch(db.url);
  await test.until(() => test.problems.length === 1);
  await db.sql.end();
  await own.stop();
  await test.until(() => test.problems.length === 2);
  await own.start();
  await test.until(() => test.problems.length === 3);
  assert.deepEqual(test.problems, ["no_table", null, "no_table"]);
  assert.equal(test.restarts.length, 1);
  assert.ok((test.restarts[0] ?? 0n) > 0n);
});

Deno.test("readFacts() judges an account by what it may do, in whatever schema the table is", async () => {
  await using db = await server.database();
  const role = `reader_${db.name}`;
  const admin = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(`
    create role ${role} login password 'reader';
    create schema tail;
    alter role ${role} in database ${db.name} set search_path = tail, public;
    set search_path = tail`).simple();
  await migrateUp(admin);
  const url = Object.assign(new URL(db.url), { username: role, password: "reader" }).href;
  const look = async () => {
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    const row = await readFacts(sql);
    assert.deepEqual({ ...await readFacts(sql, { prepared: true }), snapshot: "" }, { ...row, snapshot: "" });
    assert.equal(row.pid, row.announcedPid);
    await sql.end();
    const code = diagnose({ ...factsOf(row, body), pooler: false, foreignLogs: false })?.code ?? null;
    return [code, row.mayInsert];
  };
  assert.deepEqual(await look(), ["no_privilege", false]);
  await admin.unsafe(`grant usage on schema tail to ${role}`);
  assert.deepEqual(await look(), ["no_privilege", false]);
  await admin.unsafe(`grant select on tail.logs to ${role}`);
  assert.deepEqual(await look(), [null, false]);
  await admin.unsafe(`grant insert on tail.logs to ${role}`);
  assert.deepEqual(await look(), [null, true]);
  // Column by column is as good, and a column of somebody's own is nobody's business.
  await admin.unsafe(`
    revoke all on tail.logs from ${role};
    alter table tail.logs add column extra text;
    grant select (id, organization_id, "timestamp", level, service, message, metadata, xid) on tail.logs to ${role}`)
    .simple();
  assert.deepEqual(await look(), [null, false]);
  await admin.unsafe(`drop owned by ${role}; drop role ${role}`).simple();
  await admin.end();
});

Deno.test("readFacts() knows the trigger of a partitioned table, and of one with a quoted schema", async () => {
  await using db = await server.database();
  await db.sql.unsafe(`
    create schema "We""ird Schema";
    alter database ${db.name} set search_path = 'We"ird Schema'`).simple();
  const sql = postgres(db.url, { max: 1, onnotice: () => {} });
  const judge = async () =>
    diagnose({ ...factsOf(await readFacts(sql), body), pooler: false, foreignLogs: false });
  assert.equal((await judge())?.code, "no_table");
  await migrateUp(sql);
  assert.equal(await judge(), null);
  await sql.unsafe(`
    alter table logs rename to plain;
    create table logs (like plain including defaults) partition by list (organization_id);
    create table logs_rest partition of logs default`).simple();
  assert.equal((await judge())?.code, "trigger_missing");
  await sql`create trigger logs_notify after insert on logs referencing new table as new_logs
    for each statement execute function logs_notify('1000')`;
  assert.equal(await judge(), null);
  await sql`alter trigger logs_notify on logs rename to announce`;
  assert.equal(await judge(), null);
  await sql.end();
});
