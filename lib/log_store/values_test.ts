import assert from "node:assert/strict";
import { testServer } from "../../tests/postgres.ts";
import { migrateUp } from "../migrations.ts";
import { METADATA_ROWS, readValues, VALUES_ROWS } from "./values.ts";
import { scoped } from "./wall.ts";

const server = await testServer();

Deno.test("readValues() counts what the logs of one organization hold", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const { sql } = db;
  const read = (organizationId: number) => readValues(scoped(sql, organizationId), organizationId);
  assert.deepEqual(await read(1), { levels: {}, services: [], metadata: [], of: 0 });

  const write = (level: string, service: string, metadata: unknown, organizationId = 1) =>
    sql`insert into logs (organization_id, level, service, message, metadata)
      values (${organizationId}, ${level}, ${service}, 'x', ${JSON.stringify(metadata)}::text::jsonb)`;
  await write("WARNING", "api", { user: { id: 42 } });
  await write("err", "api", { user: { id: 42 }, ok: true });
  await write("odd", "s".repeat(201), null);
  await write("info", "s".repeat(200), [1]);
  // Too large to look into: as it is stored, and as text.
  const ids = Array.from({ length: 100 }, () => [crypto.randomUUID(), crypto.randomUUID()]);
  await write("info", "api", { large: 1, ...Object.fromEntries(ids) });
  await write("info", "api", { long: "x".repeat(8000) });
  await write("fatal", "theirs", { their: 1 }, 2);
  assert.deepEqual(await read(1), {
    levels: { info: 4, error: 1, warn: 1 },
    services: [{ value: "api", count: 4 }, { value: "s".repeat(200), count: 1 }],
    metadata: [{ path: "user.id", count: 2, examples: ["42"] }, { path: "ok", count: 1, examples: ["true"] }],
    of: 6,
  });
  assert.deepEqual(await read(2), {
    levels: { fatal: 1 },
    services: [{ value: "theirs", count: 1 }],
    metadata: [{ path: "their", count: 1, examples: ["1"] }],
    of: 1,
  });
});

Deno.test("readValues() looks at so many rows, and into so much of their metadata", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await db.sql`insert into logs (service, message) select 'old', 'x' from generate_series(1, 50)`;
  await db.sql`insert into logs (service, message, metadata)
    select 'service ' || n % 150, 'x', jsonb_build_object('even', n % 2 = 0)
    from generate_series(1, ${VALUES_ROWS}::int) as n`;
  const { services, ...found } = await readValues(scoped(db.sql, 1), 1);
  assert.deepEqual(found, {
    levels: { info: VALUES_ROWS },
    metadata: [{ path: "even", count: METADATA_ROWS, examples: ["false", "true"] }],
    of: VALUES_ROWS,
  });
  assert.equal(services.length, 100);
  assert.ok(services.every(({ value, count }) => /^service \d+$/u.test(value) && count >= 66));
  assert.ok(services.every(({ count }, i) => count <= (services[i - 1]?.count ?? Infinity)));
});
