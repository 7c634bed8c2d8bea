import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const server = await testServer({ settings: { shared_preload_libraries: "pg_stat_statements" } });

Deno.test("an INSERT reaches every open stream, with the contract's headers and framing", async () => {
  await using tailpost = await startTailpost(server);
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  assert.equal(viewer.headers.get("content-type"), "text/event-stream");
  assert.equal(viewer.headers.get("cache-control"), "no-store, no-transform");
  assert.equal(viewer.headers.get("x-accel-buffering"), "no");
  await tailpost.sql`insert into logs (message, level) values ('Server started', 'info')`;
  const log = await viewer.untilLog("Server started");
  assert.deepEqual({ ...log, timestamp: "" }, {
    id: 1,
    timestamp: "",
    level: "info",
    service: "default",
    message: "Server started",
  });
  assert.match(log.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
  await viewer.until("cursor", ({ cursor }) => cursor !== null);
  assert.match(
    viewer.raw(),
    /^retry: 2000\n: connected\n\nevent: ready\ndata: \{"organizationId":1,"database":"connected","cursor":"[\d:,]+"\}\n\ndata: \{"id":1,[^\n]+\}\n\nid: [\d:,]+\n\n$/u,
  );
});

Deno.test("a transaction shows nothing until it commits, and nothing at all when it rolls back", async () => {
  await using tailpost = await startTailpost(server);
  const { sql } = tailpost;
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  await sql.begin(async (tx) => {
    await tx`insert into logs (message) values ('in a transaction')`;
    // Another transaction overtakes it: whatever could have come before its commit would have.
    await sql`insert into logs (message) values ('overtakes')`;
    await viewer.untilLog("overtakes");
    assert.deepEqual(viewer.logs.map(({ message }) => message), ["overtakes"]);
  });
  await viewer.untilLog("in a transaction");
  await sql.begin(async (tx) => {
    await tx`insert into logs (message) values ('never')`;
    throw new Error("rolled back");
  }).catch(() => {});
  await sql`insert into logs (message) values ('after')`;
  await viewer.untilLog("after");
  assert.deepEqual(viewer.logs.map(({ message }) => message), ["overtakes", "in a transaction", "after"]);
});

Deno.test("10,000 rows of one INSERT arrive complete and in order", async () => {
  await using tailpost = await startTailpost(server);
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  await using filtered = await openViewer(`${tailpost.url}/api/logs/stream?level=error&q=7`);
  await tailpost.sql`insert into logs (message, level)
    select 'row ' || i, case when i % 10 = 7 then 'error' else 'info' end from generate_series(1, 10000) i`;
  await viewer.untilLog("row 10000");
  assert.deepEqual(
    viewer.logs.map(({ message }) => message),
    Array.from({ length: 10_000 }, (_, i) => `row ${i + 1}`),
  );
  await filtered.untilLog("row 9997");
  assert.equal(filtered.logs.length, 1000);
});

Deno.test("whatever a row holds, the INSERT works and the log arrives", async () => {
  await using tailpost = await startTailpost(server);
  const { sql } = tailpost;
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  await using searching = await openViewer(`${tailpost.url}/api/logs/stream?q=needle`);
  const long = "long " + "x".repeat(1024 * 1024 - 12) + " needle";
  const texts = [
    "emoji 🪵 and 日本語 and العربية",
    `quotes " ' \` \\ and <script>alert(1)</script>`,
    "line\nbreaks\r\nand\rreturns \u2028 \u0085",
    "NUL-like \\u0000 \\x00 and controls \u0001\u001b[31m",
    "data: not a field\n\nevent: gap\ndata: {}",
  ];
  for (const message of texts) await sql`insert into logs (message) values (${message})`;
  await sql`insert into logs (message) values (${long})`;
  await sql`insert into logs (message, service) values ('big service', ${"s".repeat(20_000)})`;
  await sql`insert into logs (message, level) values ('odd level', 'LOUD')`;
  await sql`insert into logs (message, "timestamp") values ('no time at all', 'infinity')`;
  await sql`insert into logs (message, metadata) values ('big metadata', ${
    sql.json({ text: "m".repeat(9000) })
  })`;
  await viewer.untilLog("big metadata");
  const [first = "", ...others] = viewer.logs.filter(({ truncated }) => truncated).map(({ message }) =>
    message
  );
  assert.ok(long.startsWith(first) && first.length >= 1000 && others.length === 0);
  assert.deepEqual(viewer.logs.slice(0, texts.length).map(({ message }) => message), texts);
  assert.equal(viewer.logs.find(({ message }) => message === "big service")?.service.length, 20_000);
  assert.equal(viewer.logs.find(({ message }) => message === "odd level")?.level, "info");
  assert.equal(viewer.events.length, 1);
  // The word is beyond the preview: a filter sees the whole message.
  await searching.until("the long log", ({ logs }) => logs.length === 1);
  assert.equal(searching.logs[0]?.truncated, true);
  const whole = await fetch(`${tailpost.url}/api/logs/${searching.logs[0]?.id}`).then((response) =>
    response.json()
  );
  assert.equal(whole.message, long);
});

Deno.test("tail=N sends the newest N matching logs first, oldest first, and then what is new", async () => {
  await using tailpost = await startTailpost(server);
  const { sql } = tailpost;
  await sql`insert into logs (message, level) select 'old ' || i, case when i % 2 = 0 then 'warn' else 'info' end
    from generate_series(1, 20) i`;
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream?tail=3&level=warn`);
  await viewer.untilLog("old 20");
  await sql`insert into logs (message, level) values ('new 1', 'info'), ('new 2', 'warn')`;
  await viewer.untilLog("new 2");
  assert.deepEqual(viewer.logs.map(({ message }) => message), ["old 16", "old 18", "old 20", "new 2"]);
});

Deno.test("a viewer that returns with its cursor gets what it missed, once", async (t) => {
  await using tailpost = await startTailpost(server);
  const { sql, url } = tailpost;
  let cursor: string | null = null;
  {
    await using viewer = await openViewer(`${url}/api/logs/stream`);
    await sql`insert into logs (message) values ('seen')`;
    await viewer.until("cursor", ({ cursor }) => cursor !== null);
    cursor = viewer.cursor;
  }
  await sql`insert into logs (message) values ('missed')`;
  const messages = async (path: string, headers: Record<string, string> = {}) => {
    await using viewer = await openViewer(url + path, headers);
    await viewer.untilLog("missed");
    return viewer.logs.map(({ message }) => message).filter((message) => message !== "seen");
  };
  await t.step("by header, which is newer than the query", async () => {
    assert.deepEqual(await messages("/api/logs/stream?lastEventId=1:1:", { "Last-Event-ID": cursor ?? "" }), [
      "missed",
    ]);
  });
  await t.step("by query", async () => {
    assert.deepEqual(await messages(`/api/logs/stream?tail=10&lastEventId=${cursor}`), ["missed"]);
  });
  await t.step("from the table, after a restart of the server", async () => {
    await tailpost.stop();
    await sql`insert into logs (message) values ('missed while stopped')`;
    await tailpost.start();
    await using viewer = await openViewer(`${url}/api/logs/stream?lastEventId=${cursor}`);
    await viewer.untilLog("missed while stopped");
    assert.deepEqual(viewer.logs.map(({ message }) => message).slice(-2), ["missed", "missed while stopped"]);
  });
});

Deno.test("an organization's stream carries its own logs alone", async () => {
  await using tailpost = await startTailpost(server);
  const { sql, url } = tailpost;
  await using first = await openViewer(`${url}/api/logs/stream`);
  await using second = await openViewer(`${url}/api/logs/stream?organizationId=2`);
  await sql`insert into logs (message, organization_id) values ('for 2', 2), ('for 1', 1), ('for 3', 3)`;
  await first.untilLog("for 1");
  await second.untilLog("for 2");
  assert.equal(first.logs.length, 1);
  assert.equal(second.logs.length, 1);
});

Deno.test("200 viewers need no more connections than one, and no query while nothing happens", async () => {
  await using tailpost = await startTailpost(server, { env: { TAILPOST_HEARTBEAT_SECONDS: "1" } });
  const { url, database } = tailpost;
  const admin = postgres(database.superuserUrl, { max: 1, connection: { application_name: "watching" } });
  try {
    await admin`create extension pg_stat_statements`;
    const connections = async () => {
      const [row] = await admin<{ count: number }[]>`select count(*)::int from pg_stat_activity
        where application_name like 'tailpost%' and datname = ${database.name}`;
      return row?.count;
    };
    await using one = await openViewer(`${url}/api/logs/stream?tail=10`);
    const before = await connections();
    await using many = new AsyncDisposableStack();
    const viewers = await Promise.all(
      Array.from({ length: 199 }, (_, i) => openViewer(`${url}/api/logs/stream?tail=${i}&level=info`)),
    );
    for (const viewer of viewers) many.use(viewer);
    await tailpost.sql`insert into logs (message) values ('to all')`;
    await Promise.all([one, ...viewers].map((viewer) => viewer.untilLog("to all")));
    assert.equal(await connections(), before);
    // From here on nothing happens, for the time of three heartbeats.
    await admin`select pg_stat_statements_reset()`;
    const heartbeats = () => one.raw().split(": heartbeat").length;
    const start = heartbeats();
    await one.until("three heartbeats", () => heartbeats() >= start + 3);
    const statements = await admin<{ query: string }[]>`select query from pg_stat_statements s
      join pg_database d on d.oid = s.dbid where datname = ${database.name}`;
    const others = statements.map(({ query }) => query).filter((query) => !query.includes("pg_stat"));
    // The liveness query alone, which reads the catalog.
    assert.deepEqual(others.filter((query) => !query.includes("pg_is_in_recovery()")), []);
  } finally {
    await admin.end();
  }
});

Deno.test("PostgreSQL restarted: streams are told, the next log arrives, nothing is lost between", async () => {
  await using postgres = await testServer();
  await using tailpost = await startTailpost(postgres);
  const { url, sql } = tailpost;
  const stream = `${url}/api/logs/stream`;
  await using viewer = await openViewer(stream);
  const states = () =>
    viewer.events.filter(({ event }) => event === "status").map(({ data }) => JSON.parse(data).database);
  await postgres.stop("immediate");
  await viewer.until("reconnecting", () => states().includes("reconnecting"));
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 503);
  assert.equal((await ready.json()).error.code, "not_ready");
  const write = await fetch(`${url}/api/logs`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: '{"message":"refused"}',
  });
  assert.equal(write.status, 503);
  assert.ok(Number(write.headers.get("retry-after")) > 0);
  await write.body?.cancel();
  // A viewer that comes now is told, and waits.
  await using late = await openViewer(stream);
  assert.match(late.events[0]?.data ?? "", /"database":"reconnecting"/u);
  await postgres.start();
  await viewer.until("connected", () => states().at(-1) === "connected");
  await sql`insert into logs (message) values ('after the restart')`;
  await viewer.untilLog("after the restart");
  await late.untilLog("after the restart");
  assert.deepEqual(viewer.logs.map(({ message }) => message), ["after the restart"]);
  assert.equal(
    (await fetch(`${url}/readyz`).then(async (response) => (await response.body?.cancel(), response))).status,
    200,
  );
});
