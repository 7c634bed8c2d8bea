// History from both ends, and from a time on.

import assert from "node:assert/strict";
import fc from "fast-check";
import { placeOf } from "../lib/log_store/place.ts";
import { scoped } from "../lib/log_store/wall.ts";
import { migrateUp } from "../lib/migrations.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

interface Page {
  readonly logs: readonly { id: number }[];
  readonly next: number | null;
}

Deno.test("GET /api/logs reads from both ends, and around a time, without a hole or a double", async () => {
  await using tailpost = await startTailpost(server);
  // One a minute from noon on, of two organizations; one of mine in ten is an error.
  await tailpost.sql`
    insert into logs (organization_id, message, level, "timestamp")
    select 1 + n % 2, 'minute ' || n, case when n % 10 = 0 then 'error' else 'info' end,
      timestamptz '2026-01-31T12:00:00Z' + n * interval '1 minute'
    from generate_series(0, 199) as n`;
  const read = async (query: string): Promise<Page> => {
    const response = await fetch(`${tailpost.url}/api/logs?${query}`);
    assert.equal(response.status, 200, query);
    return await response.json();
  };
  const ids = async (query: string) => (await read(query)).logs.map(({ id }) => id);

  for (const filter of ["", "&level=error", "&q=/minute/"]) {
    const down: number[] = [];
    for (let page: Page | null = null; page?.next !== null;) {
      page = await read(`limit=7${page ? `&before=${page.next}` : ""}${filter}`);
      down.push(...page.logs.map(({ id }) => id));
    }
    const up: number[] = [];
    for (let page: Page | null = null; page?.next !== null;) {
      page = await read(`order=asc&limit=7${page ? `&after=${page.next}` : ""}${filter}`);
      up.push(...page.logs.map(({ id }) => id));
    }
    assert.deepEqual(up, down.toReversed());
    assert.equal(up.length, filter === "&level=error" ? 20 : 100);

    const at = "at=2026-01-31T13:00:00Z";
    const [before, after] = [
      await ids(`${at}&limit=1000${filter}`),
      await ids(`${at}&order=asc&limit=1000${filter}`),
    ];
    assert.deepEqual([...before.toReversed(), ...after], up);
    // Minute 60 is the 61st row.
    assert.ok(before.every((id) => id < 61) && after.every((id) => id >= 61));
  }
  assert.deepEqual(await ids("at=2026-02-01T13:00:00Z&order=asc"), []);
  assert.equal((await ids("at=2026-02-01T13:00:00Z&limit=1000")).length, 100);
  assert.deepEqual(await ids("at=2025-02-01T13:00:00Z"), []);
  assert.deepEqual(await ids("organizationId=9&at=0&order=asc"), []);
  for (const query of ["at=noon", "order=up", "at=99999999999999999"]) {
    const response = await fetch(`${tailpost.url}/api/logs?${query}`);
    assert.equal(response.status, 400, query);
    await response.body?.cancel();
  }
});

Deno.test("placeOf() finds the first log of a time in any order of ids, and hardly minds a wrong clock", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await db.sql`alter table logs disable trigger logs_notify`;
  const world = fc.record({
    seconds: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60 }),
    gap: fc.integer({ min: 1, max: 50 }),
    time: fc.integer({ min: -1, max: 301 }),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ seconds, gap, time }) => {
      await db.sql`truncate logs`;
      const times = seconds.toSorted((a, b) => a - b);
      const rows = times.map((second, i) => ({
        id: 2 + 2 * i * gap,
        message: "m",
        timestamp: new Date(second * 1000),
      }));
      if (rows.length > 0) {
        await db.sql`insert into logs ${db.sql(rows, "id", "message", "timestamp")}`;
        // Another organization between them.
        await db
          .sql`insert into logs (id, organization_id, message, "timestamp") values (3, 2, 'x', to_timestamp(999))`;
      }
      const expected = rows.find(({ timestamp }) => timestamp.getTime() >= time * 1000)?.id ??
        (rows.at(-1)?.id ?? 0) + 1;
      assert.equal(await placeOf(scoped(db.sql, 1), 1, time * 1000), expected);
    }),
    { numRuns: 60 },
  );
  await db.sql`truncate logs`;
  await db.sql`insert into logs (id, message, "timestamp")
    select n, 'm', to_timestamp(case when n % 5 = 0 then 0 else n end) from generate_series(1, 1000) as n`;
  const found = await placeOf(scoped(db.sql, 1), 1, 500_000);
  assert.ok(Math.abs(found - 500) < 10, `at ${found}`);
});
