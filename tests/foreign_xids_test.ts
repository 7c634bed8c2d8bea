/** Transaction ids and cursors of another cluster, or of a past that was lost: a restored dump, a restored backup. */

import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { NO_FILTER, parseFilter } from "../lib/filter.ts";
import { countForeignLogs, foreignOrganizations, MEND_BATCH } from "../lib/foreign_logs.ts";
import { createHubStore } from "../lib/log_store/fetch.ts";
import { migrateUp } from "../lib/migrations.ts";
import { inspectRepairs, repair } from "../lib/repair.ts";
import { testServer } from "./postgres.ts";
import { runTailpost, startTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const server = await testServer();

async function migrated() {
  const db = await server.database();
  await migrateUp(db.sql);
  return db;
}

/** Rows as a dump of a cluster that has run longer brings them. */
const restore = (sql: postgres.Sql, organization: number, count: number) =>
  sql`insert into logs (organization_id, message, xid)
    select ${organization}, 'restored ' || n, ((select pg_current_xact_id()::text::bigint) + 1000000 + n)::text::xid8
    from generate_series(1, ${count}::integer) as n`;

Deno.test("catchUp() returns no log of a transaction that this cluster has not begun, newest() does", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql);
  const since = await store.snapshot();
  await sql`insert into logs (message) values ('ours')`;
  await restore(sql, 1, 3);
  for (const filter of [NO_FILTER, parseFilter(new URLSearchParams("q=/./"))]) {
    for (const limit of [1, 10]) {
      const { logs, gap, cursor } = await store.catchUp({
        organizationId: 1,
        filter,
        limit,
        since,
        head: 0,
        had: [],
      });
      assert.deepEqual(logs.map(({ log }) => log.message), ["ours"]);
      assert.equal(gap, null);
      assert.deepEqual(
        (await store.catchUp({ organizationId: 1, filter, limit, since: cursor, head: 0, had: [] })).logs,
        [],
      );
    }
    const { logs, cursor } = await store.newest({ organizationId: 1, filter, limit: 10 });
    assert.deepEqual(logs.map(({ log }) => log.message), ["ours", "restored 1", "restored 2", "restored 3"]);
    const xmax = BigInt(cursor.split(":")[1] ?? 0);
    assert.ok(logs.every(({ xid }) => xid < xmax), "none seems to be still to come");
  }
});

Deno.test("catchUp() finds its rows by the index, whatever lies ahead", async () => {
  await using db = await migrated();
  await db.sql`insert into logs (message) select n::text from generate_series(1, 20000) as n`;
  await restore(db.sql, 1, 20_000);
  await db.sql`analyze logs`;
  const plan = await db.sql<{ "QUERY PLAN": string }[]>`
    explain select id from logs where organization_id = 1 and xid >= pg_snapshot_xmin('900:900:'::pg_snapshot)
      and xid < pg_snapshot_xmax(pg_current_snapshot()) and not pg_visible_in_snapshot(xid, '900:900:')
    order by xid desc, id desc limit 100`;
  const text = plan.map((row) => row["QUERY PLAN"]).join("\n");
  assert.match(text, /logs_organization_id_xid/u);
  assert.match(text, /Index Cond: .*xid >= .* AND \(xid < pg_snapshot_xmax/u);
});

Deno.test("catchUp() refuses a cursor that is ahead of the database", async () => {
  await using db = await migrated();
  const store = createHubStore(db.sql);
  for (const filter of [NO_FILTER, parseFilter(new URLSearchParams("q=/./"))]) {
    const query = { organizationId: 1, filter, limit: 10 };
    await assert.rejects(store.catchUp({ ...query, since: "99000000:99000000:", head: 0, had: [] }), {
      name: "ForeignCursorError",
    });
  }
});

Deno.test("repair() mends foreign logs of every organization, in batches, and no others", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql);
  await sql`insert into logs (organization_id, message) values (1, 'ours'), (3, 'ours')`;
  const kept = await sql`select id, xid::text from logs order by id`;
  const cursor = await store.snapshot();
  assert.deepEqual(await foreignOrganizations(sql), []);
  // None of them is in `organizations`, but the first.
  for (const organization of [-7, 1, 2, 9_007_199_254_740_991]) await restore(sql, organization, 40);
  await restore(sql, 2, 2 * MEND_BATCH);
  assert.deepEqual(await foreignOrganizations(sql), ["-7", "1", "2", "9007199254740991"]);
  const count = 4 * 40 + 2 * MEND_BATCH;
  assert.equal(await countForeignLogs(sql), count);
  assert.equal((await inspectRepairs(sql)).foreignLogs, count);
  assert.equal((await repair(sql, { dryRun: true })).foreignLogs, count);
  assert.equal(await countForeignLogs(sql), count);
  const told: number[] = [];
  // Two at once, while others write.
  const writing = Promise.all(Array.from({ length: 20 }, async (_, i) => {
    await sql`insert into logs (organization_id, message) values (2, ${`meanwhile ${i}`})`;
  }));
  const [one, other] = await Promise.all([
    repair(sql, { onMended: (rows) => told.push(rows) }),
    repair(sql),
    writing,
  ]);
  assert.equal(one.foreignLogs + other.foreignLogs, count);
  assert.equal(told[0], 0);
  assert.ok(told.every((rows, i) => i === 0 || rows - (told[i - 1] ?? 0) <= MEND_BATCH));
  assert.deepEqual(await foreignOrganizations(sql), []);
  assert.deepEqual([...await sql`select id, xid::text from logs where message = 'ours' order by id`], [
    ...kept,
  ]);
  const since = { filter: NO_FILTER, limit: 1000, since: cursor };
  assert.deepEqual((await store.catchUp({ organizationId: 1, ...since, head: 0, had: [] })).logs, []);
  assert.equal((await store.catchUp({ organizationId: 2, ...since, head: 0, had: [] })).logs.length, 20);
  assert.deepEqual(await repair(sql), { problem: null, trigger: null, setup: null, foreignLogs: 0 });
});

Deno.test("serve tells of foreign logs and shows new ones; migrate mends them", async () => {
  await using tailpost = await startTailpost(server);
  const { url, sql, database } = tailpost;
  const migrate = async (...args: string[]) => {
    const program = runTailpost(["migrate", ...args], { DATABASE_URL: database.url });
    assert.equal((await program.status).code, 0);
    return program.output();
  };
  await using before = await openViewer(`${url}/api/logs/stream`);
  await sql`insert into logs (message) values ('before')`;
  await before.untilLog("before");
  await before.until("cursor", ({ cursor }) => cursor !== null);
  await tailpost.stop();
  // As in the restore of a dump: its triggers are made after its rows.
  await sql`alter table logs disable trigger user`;
  await restore(sql, 1, 12);
  await restore(sql, 77, 3);
  await sql`alter table logs enable trigger user`;
  await tailpost.start();
  await using viewer = await openViewer(`${url}/api/logs/stream?lastEventId=${before.cursor}`);
  const problem = () => JSON.parse(viewer.events.at(-1)?.data ?? "{}").problem?.code ?? null;
  await viewer.until("the problem", () => problem() === "foreign_logs");
  assert.match(tailpost.output(), /run tailpost migrate \(foreign_logs\)/u);
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 503);
  assert.equal((await ready.json()).error.code, "foreign_logs");
  await sql`insert into logs (message) values ('new')`;
  await viewer.untilLog("new");
  assert.ok(viewer.logs.every(({ message }) => !message.startsWith("restored")));
  assert.match(await migrate("status"), /^foreign_logs +15 logs/mu);
  assert.match(await migrate("up", "--dry-run"), /^-- 15 logs/mu);
  assert.match(await migrate(), /^Mended 15 logs$/mu);
  assert.match(await migrate(), /^Nothing to do/mu);
  const mended = await fetch(`${url}/readyz`);
  assert.deepEqual([mended.status, await mended.json()], [200, { status: "ready" }]);
  await viewer.until("no problem", () => problem() === null);
  await sql`insert into logs (message) values ('newer')`;
  await viewer.untilLog("newer");
  assert.ok(viewer.logs.every(({ message }) => !message.startsWith("restored")));
  await restore(sql, 1, 1);
  await tailpost.stop();
  const auto = runTailpost(["serve", "--auth", "off", "--port", "0", "--migrate", "auto"], {
    DATABASE_URL: database.url,
  });
  await auto.line(/Tailpost is ready/u);
  assert.match(auto.output(), /^Mended 1 log$/mu);
  assert.doesNotMatch(auto.output(), /foreign_logs/u);
  await auto.end("SIGTERM");
});

Deno.test("GET /api/logs/stream refuses a cursor that is ahead of the database, and takes any other", async () => {
  await using tailpost = await startTailpost(server);
  const stream = `${tailpost.url}/api/logs/stream`;
  const foreign = await fetch(stream, { headers: { "Last-Event-ID": "99000000:99000000:" } });
  assert.equal(foreign.status, 400);
  const { error } = await foreign.json();
  assert.equal(error.code, "bad_cursor");
  assert.equal(error.details[0].path, "lastEventId");
  for (let i = 0; i < 20; i++) {
    // Ahead of what the server has looked at so far, and not of the database.
    await tailpost.sql`select pg_current_xact_id()`;
    const [row] = await tailpost.sql<{ cursor: string }[]>`select pg_current_snapshot()::text as cursor`;
    await using _viewer = await openViewer(`${stream}?lastEventId=${row?.cursor}`);
  }
});

Deno.test("a crash that takes back transaction ids ends no stream, and no log that has them next is missed", async () => {
  await using own = await testServer();
  await using tailpost = await startTailpost(own);
  const stream = `${tailpost.url}/api/logs/stream`;
  const { sql } = tailpost;
  await sql`insert into logs (message) values ('kept')`;
  for (let round = 0; round < 3; round++) {
    // Ids of transactions of which the disk knows nothing, and a cursor that claims them.
    for (let i = 0; i < 50; i++) await sql`select pg_current_xact_id()`;
    await using viewer = await openViewer(`${stream}?tail=1&organizationId=${round + 1}`);
    await own.restart("immediate");
    const organization = round + 1;
    for (let i = 0; i < 5; i++) {
      // The pool of the test may still hold connections that died.
      for (let done = false; !done;) {
        done = await sql`insert into logs (organization_id, message) values (${organization}, ${`next ${i}`})`
          .then(() => true, () => false);
      }
    }
    await viewer.untilLog("next 4");
    assert.deepEqual(viewer.logs.map(({ message }) => message).filter((message) => message !== "kept"), [
      "next 0",
      "next 1",
      "next 2",
      "next 3",
      "next 4",
    ]);
  }
});

Deno.test("a backup that is restored under a running server ends its streams, and new ones show what is there", async () => {
  await using own = await testServer();
  await using tailpost = await startTailpost(own);
  const { url, sql } = tailpost;
  const stream = `${url}/api/logs/stream`;
  const cluster = join(own.dataDir, "cluster/data");
  const copy = async (from: string, to: string) => {
    const { success } = await new Deno.Command("cp", { args: ["-a", from, to] }).output();
    assert.ok(success);
  };
  await sql`insert into logs (message) values ('in the backup')`;
  await own.stop();
  await copy(cluster, `${cluster}.backup`);
  await own.start();
  await using viewer = await openViewer(`${stream}?tail=10`);
  await using idle = await openViewer(`${stream}?q=nothing`);
  // Ids that the restored database gives to other logs, and transactions enough that it stays behind.
  for (let i = 0; i < 100; i++) await sql`insert into logs (message) values (${`lost ${i}`})`;
  await viewer.untilLog("lost 99");
  await viewer.until("cursor", ({ raw }) => /^id: /mu.test(raw().split("lost 99")[1] ?? ""));
  await own.stop();
  await Deno.remove(cluster, { recursive: true });
  await Deno.rename(`${cluster}.backup`, cluster);
  await own.start();
  await Promise.all([viewer.ended, idle.ended]);
  const refused = await fetch(stream, { headers: { "Last-Event-ID": viewer.cursor ?? "" } });
  assert.equal(refused.status, 400);
  assert.equal((await refused.json()).error.code, "bad_cursor");
  await using back = await openViewer(`${stream}?tail=10`);
  await back.untilLog("in the backup");
  for (let i = 0; i < 5; i++) await sql`insert into logs (message) values (${`after ${i}`})`;
  await back.untilLog("after 4");
  assert.deepEqual(back.logs.map(({ message }) => message), [
    "in the backup",
    ...Array.from({ length: 5 }, (_, i) => `after ${i}`),
  ]);
  assert.equal((await fetch(`${url}/readyz`).then(async (r) => (await r.body?.cancel(), r))).status, 200);
});
