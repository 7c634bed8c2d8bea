// GET /api/logs/export: all logs of a filter as they were when it began, whole, and broken where it breaks.

import assert from "node:assert/strict";
import { parse as parseCsv } from "csv-parse/sync";
import type postgres from "postgres";
import { testServer } from "./postgres.ts";
import { startTailpost, type TestTailpost } from "./server.ts";

const server = await testServer();

interface Line {
  readonly id: number;
  readonly timestamp: string;
  readonly level: string;
  readonly service: string;
  readonly message: string;
  readonly metadata: Record<string, unknown> | null;
}

const fetchExport = (tailpost: TestTailpost, query: string, init: RequestInit = {}) =>
  fetch(`${tailpost.url}/api/logs/export?${query}`, init);

async function lines(tailpost: TestTailpost, query: string): Promise<Line[]> {
  const response = await fetchExport(tailpost, query);
  assert.equal(response.status, 200, query);
  const text = await response.text();
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

Deno.test("GET /api/logs/export sends whole logs, oldest first, in both formats", async () => {
  await using tailpost = await startTailpost(server);
  const awkward = [
    'a "quoted", text',
    "two\r\nlines",
    "=1+1",
    " spaces ",
    "ünïcødé 🎉",
    "x".repeat(200_000),
    ",",
  ];
  for (const [i, message] of awkward.entries()) {
    const metadata: postgres.JSONValue = i % 2 === 0
      ? null
      : { text: message.slice(0, 20), list: [1, "two"] };
    await tailpost.sql`insert into logs (message, service, metadata) values
      (${message}, ${`my, "service" ${i}`}, ${metadata === null ? null : tailpost.sql.json(metadata)})`;
  }
  const found = await lines(tailpost, "");
  assert.deepEqual(found.map(({ message }) => message), awkward);
  assert.deepEqual(found.map(({ id }) => id), awkward.map((_, i) => i + 1));
  assert.deepEqual(found[1]?.metadata, { text: "two\r\nlines", list: [1, "two"] });

  const response = await fetchExport(tailpost, "format=csv");
  assert.match(response.headers.get("content-type") ?? "", /^text\/csv/u);
  assert.match(
    response.headers.get("content-disposition") ?? "",
    /^attachment; filename="tailpost-1-\d+T\d+Z\.csv"$/u,
  );
  assert.equal(response.headers.get("x-last-id"), String(awkward.length));
  const records: Record<string, string>[] = parseCsv(await response.text(), { columns: true });
  assert.deepEqual(
    records.map(({ id, timestamp, level, service, message, metadata }) => ({
      ...{ id: Number(id), timestamp, level, service, message },
      metadata: metadata ? JSON.parse(metadata) : null,
    })),
    found,
  );
});

Deno.test("GET /api/logs/export goes by filter and range, over many steps", async () => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`alter table logs disable trigger logs_notify`;
  await tailpost.sql`insert into logs (organization_id, message, level, "timestamp")
    select 1 + n % 2, 'message ' || n, case when n % 100 = 0 then 'error' else 'info' end,
      timestamptz '2026-01-01T00:00:00Z' + n * interval '1 second'
    from generate_series(0, 99999) as n`;
  const ids = async (query: string) => (await lines(tailpost, query)).map(({ id }) => id);
  const all = await ids("");
  assert.equal(all.length, 50_000);
  assert.ok(all.every((id, i) => id === 1 + 2 * i));
  assert.equal((await ids("level=error")).length, 1000);
  assert.deepEqual(await ids("q=/^message 99998$/"), [99_999]);
  assert.deepEqual(await ids("from=2026-01-01T01:00:00Z&to=2026-01-01T01:00:06Z"), [3601, 3603, 3605]);
  assert.deepEqual(await ids("from=2030-01-01"), []);
  assert.deepEqual(await ids("organizationId=3"), []);
  for (const query of ["format=xml", "from=soon", "from=20&to=10", "level=loud"]) {
    const response = await fetchExport(tailpost, query);
    assert.equal(response.status, 400, query);
    await response.body?.cancel();
  }
});

Deno.test("GET /api/logs/export holds what was committed when it began, each log once", async () => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`insert into logs (message) select 'before ' || n from generate_series(1, 5000) as n`;
  // Takes an id before, and commits after.
  const late = Promise.withResolvers<void>();
  const inserted = Promise.withResolvers<void>();
  const writing = tailpost.sql.begin(async (sql) => {
    await sql`insert into logs (message) values ('uncommitted')`;
    inserted.resolve();
    await late.promise;
  });
  await inserted.promise;
  await tailpost.sql`insert into logs (message) values ('the last before')`;
  const response = await fetchExport(tailpost, "");
  late.resolve();
  await writing;
  await tailpost.sql`insert into logs (message) select 'after ' || n from generate_series(1, 5000) as n`;
  const found = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line).message);
  assert.equal(found.length, 5001);
  assert.equal(found.at(-1), "the last before");
  assert.equal(new Set(found).size, 5001);
});

Deno.test("GET /api/logs/export reads no faster than it is taken, and gives its place back", async () => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`alter table logs disable trigger logs_notify`;
  await tailpost
    .sql`insert into logs (message) select repeat('x', 20000) || n from generate_series(1, 5000) as n`;
  const asking = [new AbortController(), new AbortController()];
  const taken = await Promise.all(asking.map(async ({ signal }) => {
    const response = await fetchExport(tailpost, "", { signal });
    const reader = response.body?.getReader();
    await reader?.read();
    return reader;
  }));
  // 200 MB that nobody takes: a third is too many.
  const refused = await fetchExport(tailpost, "");
  assert.equal(refused.status, 429);
  assert.match((await refused.json()).error.message, /2 exports of yours run already/u);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  const until = Date.now() + 20_000;
  for (;;) {
    const [queries] = await tailpost.sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and state <> 'idle' and query like '%octet_length%'
        and pid <> pg_backend_pid()`;
    if (queries?.n === 0) break;
    assert.ok(Date.now() < until, "something runs for clients that take nothing");
  }
  for (const each of asking) each.abort();
  await Promise.all(taken.map((reader) => reader?.closed.catch(() => {})));
  for (;;) {
    const response = await fetchExport(tailpost, "level=error");
    await response.body?.cancel();
    if (response.status === 200) break;
    assert.ok(Date.now() < until, "the places do not come back");
  }
});

Deno.test("GET /api/logs/export breaks off where its database goes away", async () => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`alter table logs disable trigger logs_notify`;
  await tailpost
    .sql`insert into logs (message) select repeat('x', 20000) || n from generate_series(1, 5000) as n`;
  const response = await fetchExport(tailpost, "");
  const reader = response.body?.getReader();
  assert.ok(reader);
  await reader.read();
  // As if its rows had gone with the database: whatever it asks next fails.
  await tailpost.sql`alter table logs rename to elsewhere`;
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  });
  await tailpost.sql`alter table elsewhere rename to logs`;
});
