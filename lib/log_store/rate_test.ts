import assert from "node:assert/strict";
import { testServer } from "../../tests/postgres.ts";
import { parseFilter } from "../filter.ts";
import { migrateUp } from "../migrations.ts";
import { RATE_BOUNDS, type RateBounds, readRate } from "./rate.ts";
import { scoped } from "./wall.ts";

const server = await testServer();
const FROM = Date.parse("2026-01-01T00:00:00Z");

Deno.test("readRate() counts by level and time, whoever decides the filter, and says from when on it knows all", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const { sql } = db;
  const read = async (query = "", bounds: Partial<RateBounds> = {}, organizationId = 1) => {
    const filter = parseFilter(new URLSearchParams(query));
    const range = { from: FROM, to: FROM + 4000, step: 1000, buckets: 4 };
    return await readRate(scoped(sql, organizationId), { organizationId, filter, ...range }, {
      ...RATE_BOUNDS,
      ...bounds,
    });
  };
  const range = { from: FROM, to: FROM + 4000, step: 1000 };
  const all = { ...range, partial: false, since: null };
  assert.deepEqual(await read(), { ...all, levels: {}, last: null });
  assert.deepEqual(await read("q=/./"), { ...all, levels: {}, last: null });

  const write = (at: number, level: string, service = "api", organizationId = 1) =>
    sql`insert into logs ("timestamp", level, service, message, organization_id)
      values (${new Date(FROM + at)}, ${level}, ${service}, ${`of ${service}`}, ${organizationId})`;
  // At the edges of steps and of the range; the ids go from 1 to 8.
  for (const at of [-1, 0, 999, 1000, 3999, 4000]) await write(at, at === 1000 ? "ERR" : "info");
  await write(2500, "crit", "web");
  await write(2500, "crit", "web", 2);
  const both = ["", "q=/of/", "q=OF", "service=api,web&not=/nothing/"];
  for (const query of both) {
    assert.deepEqual(await read(query), {
      ...all,
      levels: { info: [2, 0, 0, 1], error: [0, 1, 0, 0], fatal: [0, 0, 1, 0] },
      last: 7,
    }, query);
  }
  for (const query of ["service=web", "q=/web/", "q=web", "level=fatal"]) {
    assert.deepEqual((await read(query)).levels, { fatal: [0, 0, 1, 0] }, query);
  }
  assert.deepEqual((await read("", {}, 2)).levels, { fatal: [0, 0, 1, 0] });
  // The newest four only: the oldest of them is of the time 1000.
  for (const [query, bound] of [["", "rows"], ["q=of", "texts"], ["q=/of/", "sent"]] as const) {
    assert.deepEqual(await read(query, { [bound]: 4 }), {
      ...range,
      levels: { info: [0, 0, 0, 1], error: [0, 1, 0, 0], fatal: [0, 0, 1, 0] },
      partial: true,
      since: FROM + 1000,
      last: 7,
    }, query);
    // They go back to the beginning of the range, and the one before is of no interest.
    assert.equal((await read(query, { [bound]: 6 })).partial, false);
  }
  assert.equal((await read("q=/of/", { patience: -1 })).since, FROM + 2500);
});
