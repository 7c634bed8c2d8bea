import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "../../tests/postgres.ts";
import { startProxy } from "../../tests/proxy.ts";
import { parseCursor } from "../cursor.ts";
import { createPool } from "../database.ts";
import { readOrigin } from "../database_facts.ts";
import { NO_FILTER, parseFilter } from "../filter.ts";
import { ForeignCursorError } from "../hub/ports.ts";
import { migrateUp } from "../migrations.ts";
import { createHubStore } from "./fetch.ts";

const server = await testServer();

async function migrated() {
  const db = await server.database();
  await migrateUp(db.sql);
  return db;
}

/** A filter that SQL decides, and one of the same meaning that is decided here. */
const filters = [NO_FILTER, parseFilter(new URLSearchParams("q=/^/"))];
const [, decidedHere = NO_FILTER] = filters;

/** A transaction that stays open until it is told. */
async function begin(sql: postgres.Sql, ...messages: string[]) {
  const inserted = Promise.withResolvers<void>();
  const end = Promise.withResolvers<"commit" | "rollback">();
  const ended = sql.begin(async (tx) => {
    for (const message of messages) await tx`insert into logs (message) values (${message})`;
    inserted.resolve();
    if (await end.promise === "rollback") throw new Error("rolled back");
  }).catch(() => {});
  await inserted.promise;
  return {
    end(how: "commit" | "rollback") {
      end.resolve(how);
      return ended;
    },
  };
}

Deno.test("catchUp() is exact, however transactions overlap with the cursor and with each other", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql);
  for (const filter of filters) {
    const query = { organizationId: 1, filter, limit: 1000, head: 0, had: [] };
    const messages = async (since: string) => {
      const { logs, cursor, gap } = await store.catchUp({ ...query, since });
      assert.equal(gap, null);
      return { messages: logs.map(({ log }) => log.message).sort(), cursor };
    };
    await sql`truncate logs`;
    await sql`insert into logs (message) values ('before')`;
    const early = await begin(sql, "early 1", "early 2");
    const undone = await begin(sql, "undone");
    const long = await begin(sql, "long");
    const first = await store.snapshot();
    await sql`insert into logs (message) values ('after')`;
    await sql`insert into logs (organization_id, message) values (2, 'theirs')`;
    assert.deepEqual((await messages(first)).messages, ["after"]);
    await early.end("commit");
    await undone.end("rollback");
    const second = await messages(first);
    assert.deepEqual(second.messages, ["after", "early 1", "early 2"]);
    assert.deepEqual((await messages(second.cursor)).messages, []);
    const late = await begin(sql, "late");
    const third = await messages(second.cursor);
    await late.end("commit");
    await long.end("commit");
    assert.deepEqual((await messages(third.cursor)).messages, ["late", "long"]);
    assert.deepEqual((await messages(second.cursor)).messages, ["late", "long"]);
    assert.deepEqual((await messages(first)).messages, ["after", "early 1", "early 2", "late", "long"]);
  }
});

Deno.test("catchUp() keeps the newest over its limit and the head, leaves out what was had, and counts the others exactly", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql);
  const since = await store.snapshot();
  // Transactions whose ids pass a power of ten, which sorted as text would turn around; their times do not rise.
  const [row] = await sql<{ xid: string }[]>`select pg_current_xact_id()::text as xid`;
  const bound = 10 ** (row?.xid.length ?? 0);
  const missing = bound - 6 - Number(row?.xid);
  assert.ok(missing < 10_000);
  for (let i = 0; i < missing; i += 100) {
    const some = Array.from({ length: Math.min(100, missing - i) }, () => sql`select pg_current_xact_id()`);
    await Promise.all(some);
  }
  for (let i = 0; i < 10; i++) {
    await sql`insert into logs (message, "timestamp")
      select ${i} || '.' || n, timestamptz '2026-01-01Z' + make_interval(secs => (${i} * 37 + n * 11) % 100)
      from generate_series(1, 3) as n`;
  }
  const rows = await sql<{ id: string; message: string; timestamp: string; xid: string }[]>`
    select id, message, log_timestamp("timestamp") as "timestamp", xid::text from logs order by id`;
  assert.ok(Number(rows[0]?.xid) < bound && Number(rows.at(-1)?.xid) > bound);
  for (const filter of filters) {
    for (const limit of [1, 2, 3, 7, 16, 29, 30, 31]) {
      for (const head of [0, 1, 5, 14, 29]) {
        // Two of the oldest, one in the midst and one of the newest were had in another way.
        for (const had of [[], [0, 1, 10, 29]]) {
          const found = await store.catchUp({
            organizationId: 1,
            filter,
            limit,
            since,
            head,
            had: had.map((i) => Number(rows[i]?.id)),
          });
          const others = rows.filter((_, i) => !had.includes(i));
          const dropped = others.slice(Math.min(head, Math.max(0, others.length - limit)), -limit);
          const messages = (logs: typeof found.logs) => logs.map(({ log }) => log.message);
          const expected = others.filter((row) => !dropped.includes(row)).map(({ message }) => message);
          assert.deepEqual([...messages(found.head), ...messages(found.logs)], expected);
          assert.equal(found.head.length, dropped.length > 0 ? head : 0);
          const times = dropped.map(({ timestamp }) => timestamp).sort();
          const gap = { missed: times.length, from: times[0], to: times.at(-1) };
          assert.deepEqual(found.gap, times.length > 0 ? gap : null, `limit ${limit}, head ${head}`);
        }
      }
    }
  }
});

Deno.test("catchUp() counts no row twice that commits while it counts", async () => {
  await using db = await migrated();
  const { sql } = db;
  const plain = createHubStore(sql);
  const since = await plain.snapshot();
  const early = await begin(sql, "early");
  for (let i = 0; i < 5; i++) await sql`insert into logs (message) values (${`${i}`})`;
  // The early transaction, older than all others, commits right before the second statement.
  let statements = 0;
  const interrupted = new Proxy(sql, {
    apply(target, self, args) {
      const query = Reflect.apply(target, self, args);
      const [strings] = args as [TemplateStringsArray];
      if (!("raw" in strings) || !strings[0]?.includes("count(*) as missed")) return query;
      statements++;
      return early.end("commit").then(() => query);
    },
  });
  const query = { organizationId: 1, filter: NO_FILTER, limit: 2, head: 0, had: [] };
  const { gap, cursor } = await createHubStore(interrupted).catchUp({ ...query, since });
  assert.equal(statements, 1);
  assert.equal(gap?.missed, 3);
  const rest = await plain.catchUp({ ...query, since: cursor, head: 0, had: [] });
  assert.deepEqual(rest.logs.map(({ log }) => log.message), ["early"]);
});

Deno.test("catchUp() and newest() give a cursor that is the snapshot of their logs", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql);
  const open = await begin(sql, "open");
  for (const filter of filters) {
    for (const limit of [1, 10]) {
      const { cursor, logs } = await store.newest({ organizationId: 1, filter, limit });
      assert.deepEqual(logs, []);
      assert.equal(parseCursor(cursor).xip.length, 0 + parseCursor(await store.snapshot()).xip.length);
      assert.equal(cursor, await store.snapshot());
      const caught = await store.catchUp({
        organizationId: 1,
        filter,
        limit,
        since: cursor,
        head: 0,
        had: [],
      });
      assert.equal(caught.cursor, cursor);
    }
  }
  await open.end("rollback");
});

Deno.test("createHubStore() refuses filters that do not compile, and finds nothing for texts with a NUL", async () => {
  await using db = await migrated();
  const store = createHubStore(db.sql);
  const since = await store.snapshot();
  await db.sql`insert into logs (message) values ('a')`;
  const find = async (query: string) => {
    const filter = parseFilter(new URLSearchParams(query));
    const { logs } = await store.catchUp({ organizationId: 1, filter, limit: 10, since, head: 0, had: [] });
    return logs.length;
  };
  assert.equal(await find("q=%00"), 0);
  assert.equal(await find("service=%00"), 0);
  assert.equal(await find("not=%00&service=%00,default"), 1);
});

Deno.test("createHubStore() rejects, and gives no part of an answer, when its connection is lost within it", async () => {
  await using db = await migrated();
  await db.sql`insert into logs (message) select repeat('x', 900) from generate_series(1, 3000)`;
  for (const filter of filters) {
    await using proxy = startProxy(db.url);
    const sql = createPool(proxy.url, { size: 1 });
    const store = createHubStore(sql);
    await store.snapshot();
    for (const bytes of [1, 100_000, 1_000_000]) {
      proxy.cutAfter(bytes);
      await assert.rejects(
        store.catchUp({ organizationId: 1, filter, limit: 10_000, since: "3:3:", head: 0, had: [] }),
      );
      proxy.cutAfter(Infinity);
      await store.snapshot();
      proxy.cutAfter(bytes);
      await assert.rejects(store.newest({ organizationId: 1, filter, limit: 10_000 }));
      proxy.cutAfter(Infinity);
      await store.snapshot();
    }
    await sql.end();
  }
});

Deno.test("createHubStore() goes on after its backend was ended within a question", async () => {
  await using db = await migrated();
  const sql = createPool(db.url, { size: 1 });
  const store = createHubStore(sql);
  await db.sql`insert into logs (message) values ('kept')`;
  for (const filter of filters) {
    // The table is locked, so the question waits; its backend is ended meanwhile.
    await db.sql.begin(async (tx) => {
      await tx`lock table logs in access exclusive mode`;
      const asked = store.newest({ organizationId: 1, filter, limit: 1 });
      const rejected = assert.rejects(asked);
      for (let ended = 0; ended === 0;) {
        const rows = await tx`
          select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'tailpost' and datname = ${db.name} and wait_event_type = 'Lock'`;
        ended = rows.length;
        await tx`select pg_stat_clear_snapshot()`;
      }
      await rejected;
    });
    const { logs } = await store.newest({ organizationId: 1, filter: decidedHere, limit: 1 });
    assert.deepEqual(logs.map(({ log }) => log.message), ["kept"]);
  }
  await sql.end();
});

Deno.test("createHubStore() waits no longer than it is told for an answer", async () => {
  await using db = await migrated();
  await using proxy = startProxy(db.url);
  const sql = createPool(proxy.url, { size: 1, statementTimeout: 300, patience: 0 });
  const store = createHubStore(sql, { timeout: 50 });
  await sql`select 1`;
  void proxy.blackHole();
  const query = { organizationId: 1, filter: NO_FILTER, limit: 1 };
  for (const asked of [store.snapshot(), store.newest(query), store.read(1, [1])]) {
    await assert.rejects(asked, { message: "PostgreSQL did not answer in time" });
  }
  await assert.rejects(store.catchUp({ ...query, since: "3:3:", head: 0, had: [] }), {
    message: "PostgreSQL did not answer in time",
  });
  await sql.end({ timeout: 1 });
});

Deno.test("catchUp() and snapshot() claim no transaction whose id a crash hands out once more", async () => {
  // Rollbacks reach the disk with the next commit, or with this process.
  await using server = await testServer({ settings: { wal_writer_delay: "10s" } });
  const { url, sql: migrating } = await server.database();
  await migrateUp(migrating);
  await migrating.end();
  const query = { organizationId: 1, filter: NO_FILTER, limit: 100 };
  const since: string[] = [];
  const visit = async (run: (sql: postgres.Sql) => Promise<unknown>) => {
    const sql = createPool(url, { size: 1 });
    await run(sql);
    await sql.end({ timeout: 1 });
  };
  await visit(async (sql) => {
    const store = createHubStore(sql);
    await sql`insert into logs (message) values ('before')`;
    for (let i = 0; i < 5; i++) {
      await sql.begin(async (tx) => {
        await tx`insert into logs (message) values ('undone')`;
        throw new Error("rolled back");
      }).catch(() => {});
    }
    since.push(
      await store.snapshot(),
      (await store.catchUp({ ...query, since: "3:3:", head: 0, had: [] })).cursor,
    );
  });
  await server.restart("immediate");
  await visit(async (sql) => {
    for (const message of ["after 1", "after 2"]) await sql`insert into logs (message) values (${message})`;
    for (const cursor of since) {
      const { logs } = await createHubStore(sql).catchUp({ ...query, since: cursor, head: 0, had: [] });
      assert.deepEqual(logs.map(({ log }) => log.message), ["after 1", "after 2"]);
    }
  });
});

Deno.test("catchUp() takes a cursor that claims transactions which were rolled back last of all", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql);
  await sql`insert into logs (message) values ('before')`;
  const announced = Promise.withResolvers<string>();
  await sql`select tailpost_watch(gen_random_uuid(), '{1}')`;
  const { unlisten } = await sql.listen("logs_1", (payload) => announced.resolve(JSON.parse(payload).s));
  await sql.begin(async (tx) => {
    await tx`select pg_current_xact_id()`;
    await (await begin(sql, "undone")).end("rollback");
    await tx`insert into logs (message) values ('newest')`;
  });
  const since = await announced.promise;
  await unlisten();
  const { xmax } = parseCursor(since);
  assert.ok(xmax > parseCursor(await store.snapshot()).xmax, "it claims the one that was rolled back");
  for (const filter of filters) {
    const query = { organizationId: 1, filter, limit: 1000, head: 0, had: [] };
    const { logs, cursor } = await store.catchUp({ ...query, since });
    assert.deepEqual(logs.map(({ log }) => log.message), ["newest"]);
    assert.deepEqual((await store.catchUp({ ...query, since: cursor })).logs, []);
    const ahead = `${xmax + 1n}:${xmax + 1n}:`;
    await assert.rejects(() => store.catchUp({ ...query, since: ahead }), ForeignCursorError);
  }
});

Deno.test("catchUp() hands on a part where reading takes long, and goes on from its cursor", async () => {
  await using db = await migrated();
  const { sql } = db;
  const store = createHubStore(sql, { patience: 0 });
  const early = await begin(sql, "early");
  const since = await store.snapshot();
  for (let i = 0; i < 120; i++) await sql`insert into logs (message) values (${`a ${i}`}), (${`b ${i}`})`;
  await early.end("commit");
  const long = await begin(sql, "long");
  await sql`insert into logs (message) select 'c ' || i from generate_series(1, 150) as i`;
  const messages: string[] = [];
  let parts = 0;
  for (let cursor = since, partial: true | undefined = true; partial; parts++) {
    const fetched = await store.catchUp({
      organizationId: 1,
      filter: decidedHere,
      limit: 50,
      since: cursor,
      head: 10,
      had: [],
    });
    const { gap, head, logs } = fetched;
    ({ cursor, partial } = fetched);
    messages.push(
      ...[...head, ...logs].map(({ log }) => log.message),
      ...Array(gap?.missed ?? 0).fill("missed"),
    );
    if (!partial) await long.end("commit");
    if (!partial) {
      messages.push(...(await store.catchUp({
        organizationId: 1,
        filter: NO_FILTER,
        limit: 50,
        since: cursor,
        head: 0,
        had: [],
      })).logs.map(({ log }) => log.message));
    }
  }
  assert.ok(parts > 2);
  assert.equal(messages.length, 1 + 240 + 150 + 1);
  assert.equal(new Set(messages).size, messages.filter((message) => message !== "missed").length + 1);
  assert.deepEqual([messages[0], messages.at(-1)], ["early", "long"]);
});

Deno.test("what is fetched tells when the database was started, as readOrigin() does, whatever the session's settings", async () => {
  await using own = await testServer();
  const db = await own.database();
  await migrateUp(db.sql);
  const starts = new Set<string>();
  for (const step of ["first", "again"]) {
    if (step === "again") await own.restart("fast");
    const other = postgres(db.url, { connection: { TimeZone: "Asia/Tokyo", DateStyle: "SQL, DMY" } });
    const { started } = await readOrigin(other).finally(() => other.end());
    const store = createHubStore(db.sql);
    for (const filter of filters) {
      const query = { organizationId: 1, filter, limit: 10 };
      const fetched = [
        await store.catchUp({ ...query, since: "3:3:", head: 0, had: [] }),
        await store.newest(query),
      ];
      assert.deepEqual(fetched.map((found) => found.started), [started, started]);
    }
    starts.add(started);
  }
  assert.equal(starts.size, 2);
});
