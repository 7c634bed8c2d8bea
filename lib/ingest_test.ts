import assert from "node:assert/strict";
import type postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { FakeClock } from "./fake_clock.ts";
import { createIngest, PATIENCE } from "./ingest.ts";
import { createLimits, RefusedError } from "./limits.ts";
import { DEFAULT_LIMITS } from "./limits/settings.ts";
import type { LogInput } from "./log_input.ts";
import { scoped } from "./log_store/wall.ts";
import { migrateUp } from "./migrations.ts";

const server = await testServer();
const client = { key: null, address: "a" };
const log = (message: string): LogInput => ({ level: "info", service: "api", message });

/** Ingest into a table that nobody can write to until it is unlocked. */
async function setUp() {
  const db = await server.database();
  await migrateUp(db.sql);
  const clock = new FakeClock();
  const limits = createLimits(DEFAULT_LIMITS, clock);
  const ingest = createIngest({ limits, clock });
  const lock = await lockLogs(db.sql);
  const store = (logs: readonly LogInput[], organizationId = 1, signal = new AbortController().signal) =>
    ingest.store(client, { db: scoped(db.sql, organizationId), organizationId, logs, signal });
  return {
    clock,
    ingest,
    limits,
    sql: db.sql,
    unlock: lock,
    store,
    /** Stores, and waits until its INSERT is under way. */
    async begin(logs: readonly LogInput[]) {
      const { inserts } = ingest;
      const stored = store(logs);
      while (ingest.inserts === inserts) await Promise.resolve();
      return { stored };
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

async function lockLogs(sql: postgres.Sql): Promise<() => Promise<void>> {
  const locked = Promise.withResolvers<void>();
  const unlock = Promise.withResolvers<void>();
  const locking = sql.begin(async (tx) => {
    await tx`lock table logs in exclusive mode`;
    locked.resolve();
    await unlock.promise;
  });
  await locked.promise;
  return async () => {
    unlock.resolve();
    await locking;
  };
}

async function messages(sql: postgres.Sql): Promise<Record<number, string>> {
  const rows = await sql<{ id: string; message: string }[]>`select id, message from logs`;
  return Object.fromEntries(rows.map(({ id, message }) => [Number(id), message]));
}

Deno.test("createIngest() stores what comes meanwhile in one INSERT, and gives each request its own ids", async () => {
  await using test = await setUp();
  const { stored: first } = await test.begin([log("first")]);
  const others = Array.from({ length: 20 }, (_, i) => test.store([log(`${i} a`), log(`${i} b`)]));
  assert.deepEqual([test.ingest.inserts, test.limits.counts.working], [1, 1]);
  await test.unlock();
  const found = await Promise.all(others);
  const stored = await messages(test.sql);
  assert.deepEqual((await first).map((id) => stored[id]), ["first"]);
  for (const [i, ids] of found.entries()) {
    assert.deepEqual(ids.map((id) => stored[id]), [`${i} a`, `${i} b`]);
  }
  assert.equal(Object.keys(stored).length, 41);
  assert.equal(test.ingest.inserts, 2);
  assert.deepEqual([test.limits.counts.working, test.limits.counts.waiting, test.limits.counts.remembered], [
    0,
    0,
    0,
  ]);
});

Deno.test("createIngest() lets nobody suffer from a request that the database does not take", async () => {
  await using test = await setUp();
  const { stored: first } = await test.begin([log("first")]);
  const good = test.store([log("good")]);
  const bad = test.store([log("with a bad one"), { ...log("bad"), timestamp: "no time" }]);
  const better = test.store([log("better")]);
  await Promise.all([assert.rejects(bad, { code: "22007" }), test.unlock()]);
  const ids = [...await first, ...await good, ...await better];
  const stored = await messages(test.sql);
  assert.deepEqual(ids.map((id) => stored[id]), ["first", "good", "better"]);
  assert.equal(Object.keys(stored).length, 3);
});

Deno.test("createIngest() begins another INSERT beside a long one, and keeps organizations apart", async () => {
  await using test = await setUp();
  await test.sql`insert into organizations (id, name) values (2, 'second') on conflict do nothing`.catch(
    () => {},
  );
  const { stored: first } = await test.begin([log("first")]);
  const second = test.store([log("second")]);
  const theirs = test.store([log("theirs")], 2);
  assert.equal(test.limits.counts.working, 2);
  test.clock.advance(PATIENCE);
  assert.equal(test.limits.counts.working, 3);
  await test.unlock();
  await Promise.all([first, second]);
  const rows = await test.sql`select organization_id::int as id from logs where id = ${
    (await theirs)[0] ?? 0
  }`;
  assert.deepEqual([...rows], [{ id: 2 }]);
  assert.equal(test.ingest.inserts, 3);
});

Deno.test("createIngest() begins another INSERT for many requests that come at once, before a timer could tell", async () => {
  await using test = await setUp();
  const stored = [(await test.begin([log("first")])).stored, test.store([log("second")])];
  // So long it takes to read the next one.
  test.clock.perLook = PATIENCE;
  const { stored: third } = await test.begin([log("third")]);
  assert.equal(test.ingest.inserts, 2);
  await test.unlock();
  await Promise.all([...stored, third]);
  assert.equal(test.ingest.inserts, 2, "the second and the third in one");
  assert.equal(test.clock.pending, 0);
});

Deno.test("createIngest() does not store what nobody waits for any more", async () => {
  await using test = await setUp();
  const leaving = new AbortController();
  const { stored: first } = await test.begin([log("first")]);
  const left = test.store([log("left")], 1, leaving.signal);
  const stays = test.store([log("stays")]);
  leaving.abort();
  await Promise.all([assert.rejects(left, RefusedError), test.unlock()]);
  await Promise.all([first, stays]);
  assert.deepEqual(Object.values(await messages(test.sql)).sort(), ["first", "stays"]);
});

Deno.test("createIngest() makes several INSERTs of what is too much for one", async () => {
  await using test = await setUp();
  const many = (count: number) => test.store(Array.from({ length: count }, (_, i) => log(`${i}`)));
  const { stored: first } = await test.begin([log("first")]);
  const all = [first, many(3000), many(3000), many(6000), many(10)];
  await test.unlock();
  assert.deepEqual((await Promise.all(all)).map(({ length }) => length), [1, 3000, 3000, 6000, 10]);
  assert.equal(test.ingest.inserts, 5);
});
