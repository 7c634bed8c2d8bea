import assert from "node:assert/strict";
import type postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { startProxy } from "../tests/proxy.ts";
import { createPool, isAway, renewPool, warmUp } from "./database.ts";

const server = await testServer();

/** Asks until there is an answer; every other failure than that the database is away is one of the test. */
async function untilAnswered(sql: postgres.Sql): Promise<unknown[]> {
  for (;;) {
    try {
      return [...await sql`select 1 as one`];
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }
}

Deno.test("warmUp() opens every connection of the pool", async () => {
  await using db = await server.database();
  const sql = createPool(db.url, { size: 3 });
  await warmUp(sql);
  const [row] = await db.sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity where application_name = 'tailpost' and datname = ${db.name}`;
  assert.equal(row?.count, 3);
  await sql.end();
});

Deno.test("createPool() ends a query that takes longer than the statement timeout", async () => {
  await using db = await server.database();
  const sql = createPool(db.url, { statementTimeout: 50 });
  await assert.rejects(sql`select pg_sleep(10)`, isAway);
  await sql.end();
});

Deno.test("createPool() gives up connections on which nothing comes any more, and works on new ones", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  const sql = createPool(proxy.url, { size: 2, statementTimeout: 100, patience: 100 });
  await warmUp(sql);
  await sql`select pg_sleep(0.05)`; // Long, and within what is allowed.
  void proxy.blackHole();
  // Whoever asks again at once, within the very loss of the connection, is answered too.
  const asked = Array.from({ length: 6 }, async () => {
    await assert.rejects(sql`select 1`, isAway);
    proxy.heal();
    return await untilAnswered(sql);
  });
  assert.deepEqual(await Promise.all(asked), Array(6).fill([{ one: 1 }]));
  await sql.end();
});

Deno.test("renewPool() rejects what is asked on connections that are dead, and opens others", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  const sql = createPool(proxy.url, { size: 2 });
  await warmUp(sql);
  const left = proxy.blackHole();
  const asked = Array.from({ length: 4 }, () => assert.rejects(sql`select 1`, isAway));
  proxy.heal();
  renewPool(sql);
  assert.deepEqual(await untilAnswered(sql), [{ one: 1 }]);
  await Promise.all(asked);
  // None of the old sockets waits for an answer to its end.
  await left;
  await sql.end();
  assert.throws(() => renewPool(db.sql), TypeError);
});

Deno.test("createPool() waits for ever without a statement timeout", async () => {
  await using db = await server.database();
  const sql = createPool(db.url, { size: 1, statementTimeout: 0, patience: 20 });
  assert.equal((await sql`select pg_sleep(0.2)`).length, 1);
  assert.deepEqual([...await sql`show statement_timeout`], [{ statement_timeout: "0" }]);
  await sql.end();
});

Deno.test("createPool() gives whole answers after a connection was lost within one", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  const sql = createPool(proxy.url, { size: 1 });
  for (let round = 0; round < 5; round++) {
    await warmUp(sql);
    proxy.cutAfter(50_000);
    await assert.rejects(sql`select repeat('x', 1000) from generate_series(1, 1000)`, isAway);
    proxy.cutAfter(Infinity);
    assert.deepEqual([...await sql`select 1 as one`], [{ one: 1 }]);
    // Ended by the server, with a last word.
    const slow = assert.rejects(
      sql`select repeat('x', 1000), pg_sleep(n / 500) from generate_series(1, 1000) as n`,
    );
    while (
      (await db.sql`select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'`)
        .length < 1
    );
    await slow;
    assert.deepEqual([...await sql`select 1 as one`], [{ one: 1 }]);
  }
  await sql.end();
});

Deno.test("createPool() opens no more connections than its size, however often they are lost", async () => {
  await using db = await server.database();
  const sql = createPool(db.url, { size: 3 });
  const backends = () =>
    db.sql<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name = 'tailpost' and datname = ${db.name}`;
  for (let round = 0; round < 5; round++) {
    await Promise.allSettled(Array.from({ length: 12 }, () => sql`select 1`));
    await warmUp(sql);
    const open = await backends();
    await db.sql`select pg_terminate_backend(${open[round % open.length]?.pid ?? 0}, 5000)`;
    await untilAnswered(sql);
  }
  await warmUp(sql);
  while ((await backends()).length > 3); // Those that were given up are on their way out.
  await sql.end();
  while ((await backends()).length > 0);
});

Deno.test("createPool() settles a query that is cancelled, and goes on", async () => {
  await using db = await server.database();
  const sql = createPool(db.url, { size: 1 });
  await warmUp(sql);
  const query = sql`select pg_sleep(30)`.execute();
  while (
    (await db.sql`select from pg_stat_activity where query like '%pg_sleep(30)' and state = 'active'`)
      .length < 1
  );
  query.cancel();
  await assert.rejects(query, { code: "57014" });
  assert.deepEqual([...await sql`select 1 as one`], [{ one: 1 }]);
  await sql.end();
});

Deno.test("createPool() finds a server that is back, and fails queries until then", async () => {
  await using server = await testServer();
  await using db = await server.database();
  await db.sql.end();
  const sql = createPool(db.url);
  await warmUp(sql);
  await server.stop();
  await assert.rejects(sql`select 1`, isAway);
  await assert.rejects(sql`select 1`, isAway);
  await server.start();
  const started = performance.now();
  assert.deepEqual(await untilAnswered(sql), [{ one: 1 }]);
  assert.ok(performance.now() - started < 5000);
  await sql.end();
});

Deno.test("createPool() fails where a server hangs up before its first word", async () => {
  await using db = await server.database();
  await using proxy = startProxy(db.url);
  proxy.hangUp();
  const sql = createPool(proxy.url);
  await assert.rejects(sql`select 1`, isAway);
  assert.equal(proxy.connections, 1);
  await sql.end();
});

Deno.test("isAway() tells a database that is away from a query that is wrong", async () => {
  await using db = await server.database();
  const [error] = await Promise.allSettled([db.sql`select 1/0`]);
  assert.equal(isAway(error.status === "rejected" && error.reason), false);
  for (
    const code of ["ECONNREFUSED", "CONNECTION_CLOSED", "CONNECT_TIMEOUT", "57P01", "57014", "53300", "08006"]
  ) {
    assert.equal(isAway(Object.assign(new Error("x"), { code })), true, code);
  }
  assert.equal(isAway(null), false);
});
