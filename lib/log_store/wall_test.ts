/** Every statement on logs, as the server's role: it finds what is its own, and without the wall's condition nothing. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { testServer } from "../../tests/postgres.ts";
import { serverRole } from "../../tests/server_role.ts";
import { createAccess } from "../access.ts";
import { ANYBODY } from "../auth/caller.ts";
import { NO_FILTER, parseFilter } from "../filter.ts";
import { countForeignLogs, foreignOrganizations } from "../foreign_logs.ts";
import { parseLogs } from "../log_input.ts";
import { migrateUp } from "../migrations.ts";
import { listOrganizations } from "../organizations.ts";
import { listViews, readDefaultQuery } from "../view_store.ts";
import { createHubStore } from "./fetch.ts";
import { readHistory, readLog } from "./history.ts";
import { placeOf } from "./place.ts";
import { insertLogs } from "./insert.ts";
import { readRate } from "./rate.ts";
import { readValues } from "./values.ts";
import { behindWall, scoped } from "./wall.ts";

const server = await testServer();

const filterOf = (query: string) => parseFilter(new URLSearchParams(query));

/** Ways in which PostgreSQL may plan a statement. */
const PLANNERS: Readonly<Record<string, Record<string, string>>> = {
  "as usual": {},
  "prepared for any parameter": { plan_cache_mode: "force_generic_plan" },
  "for parameters": { plan_cache_mode: "force_custom_plan" },
  "in parallel": {
    [server.version < 16 ? "force_parallel_mode" : "debug_parallel_query"]: "on",
    parallel_setup_cost: "0",
    parallel_tuple_cost: "0",
    min_parallel_table_scan_size: "0",
    min_parallel_index_scan_size: "0",
  },
  "without indexes": { enable_indexscan: "off", enable_bitmapscan: "off", enable_indexonlyscan: "off" },
  "by bitmaps": { enable_indexscan: "off", enable_seqscan: "off", enable_indexonlyscan: "off" },
  "without nested loops and sorts": { enable_nestloop: "off", enable_sort: "off", enable_material: "off" },
};

/** Two organizations with logs that tell whose they are, half of them before `since`, and some of another cluster. */
async function world() {
  const db = await server.database();
  await migrateUp(db.sql);
  await db.sql`insert into organizations (name) values ('other')`;
  const write = (from: number, to: number) =>
    db.sql`
    insert into logs (organization_id, message, service, metadata)
    select 1 + n % 2, 'of ' || 1 + n % 2 || ' ' || n, 'of ' || 1 + n % 2,
      jsonb_build_object('whose', 'of ' || 1 + n % 2 || ' ' || n % 3)
    from generate_series(${from}::int, ${to}::int) as n`;
  await write(1, 200);
  await db.sql`
    insert into tailpost_views (organization_id, name, query, is_default)
    select n, 'of ' || n || ' view', 'q=of ' || n || ' ', true from generate_series(1, 2) as n`;
  const since = await createHubStore(db.sql).snapshot();
  for (let i = 0; i < 5; i++) await write(201 + 40 * i, 240 + 40 * i);
  return { db, since };
}

/** Everything that is asked of logs for an organization, by name, as something to compare. */
function questions(sql: postgres.Sql, organizationId: number, since: string, aLog: number) {
  const store = createHubStore(sql);
  const db = scoped(sql, organizationId);
  const filters = ["", "level=info", "service=of+1,of+2", "q=of", "q=/of/", "not=/3$/", "not=9"].map(
    filterOf,
  );
  const asked: Record<string, () => Promise<unknown>> = {
    "read()": () => store.read(organizationId, [aLog, aLog + 1, aLog + 2, aLog + 3]),
    "listViews()": () => listViews(db, organizationId),
    "readDefaultQuery()": () => readDefaultQuery(db, organizationId),
    "readLog()": async () => [await readLog(db, organizationId, aLog)],
    "readValues()": () => readValues(db, organizationId),
  };
  for (const [i, filter] of filters.entries()) {
    const query = { organizationId, filter };
    asked[`newest() ${i}`] = async () => (await store.newest({ ...query, limit: 20 })).logs;
    for (const limit of [5, 1000]) {
      asked[`catchUp() ${i} of ${limit}`] = async () => {
        const { cursor: _, ...found } = await store.catchUp({ ...query, limit, since, head: 2, had: [aLog] });
        return found;
      };
    }
    for (const before of [null, 300]) {
      asked[`readHistory() ${i} before ${before}`] = async () =>
        (await readHistory(db, { ...query, before, after: before && 10, limit: 50 })).logs;
    }
  }
  return asked;
}

Deno.test("the server's role finds what the owner finds, however it is planned and whoever asked before", async (t) => {
  const { db, since } = await world();
  await using _ = db;
  await using role = await serverRole(db);
  const own = (organizationId: number) =>
    questions(db.sql, organizationId, since, organizationId === 1 ? 300 : 301);
  const expected = [1, 2].map((id) => [id, own(id)] as const);
  for (const [name, settings] of Object.entries(PLANNERS)) {
    await t.step(name, async () => {
      // One connection for all: what a statement left behind would be the next one's.
      const sql = postgres(role.url, { max: 1, fetch_types: false, connection: settings });
      const asked = new Map([1, 2].map((id) => [id, questions(sql, id, since, id === 1 ? 300 : 301)]));
      for (const question of Object.keys(expected[0]?.[1] ?? {})) {
        for (const [id, owner] of expected) {
          const found = JSON.stringify(await asked.get(id)?.[question]?.(), plain);
          assert.equal(found, JSON.stringify(await owner[question]?.(), plain), `${question} of ${id}`);
          assert.ok(found.includes(`of ${id} `) && !found.includes(`of ${3 - id} `), `${question}: ${found}`);
        }
      }
      for (const [id] of expected) {
        for (const time of [0, Date.now() - 1, Date.now() + 60_000]) {
          const place = await placeOf(scoped(sql, id), id, time);
          assert.equal(place, await placeOf(scoped(db.sql, id), id, time), `placeOf() ${id}`);
        }
      }
      assert.deepEqual((await listOrganizations(sql)).map(({ id }) => id), [1, 2]);
      assert.equal(await countForeignLogs(sql), 0);
      assert.deepEqual([...await sql`select from logs`], []);
      await sql.end();
    });
  }
});

const plain = (_: string, value: unknown) => typeof value === "bigint" ? String(value) : value;

Deno.test("a statement without the wall's condition, or for somebody else, finds nothing and stores nothing", async () => {
  const { db } = await world();
  await using _ = db;
  await using role = await serverRole(db);
  const sql = postgres(role.url, { max: 1, fetch_types: false });
  const all = { organizationId: 1, filter: NO_FILTER, before: null, after: null, limit: 1000 };
  const log = parseLogs([{ message: "new" }]);
  for (let round = 0; round < 3; round++) {
    assert.equal((await readHistory(scoped(sql, 1), all)).logs.length, 200);
    assert.deepEqual([...await sql`select from logs`], []);
    assert.deepEqual([...await sql`select from organizations`], []);
    await assert.rejects(sql`insert into logs (message) values ('x')`, { code: "42501" });
    assert.equal((await readHistory(scoped(sql, 2), all)).logs.length, 0);
    assert.equal(await readLog(scoped(sql, 2), 1, 300), null);
    assert.equal((await readValues(scoped(sql, 2), 1)).of, 0);
    for (const filter of [NO_FILTER, filterOf("q=/of/")]) {
      const to = Date.now() + 60_000;
      const rate = { organizationId: 1, filter, from: to - 1_000_000, to, step: 1_000_000, buckets: 1 };
      assert.deepEqual((await readRate(scoped(sql, 1), rate)).levels, { info: [200] });
      const { levels, last } = await readRate(scoped(sql, 2), rate);
      assert.deepEqual({ levels, last }, { levels: {}, last: null });
    }
    await assert.rejects(insertLogs(scoped(sql, 2), 1, log), { code: "42501" });
    assert.equal((await readHistory(scoped(sql, "organizations"), all)).logs.length, 0);
    await assert.rejects(insertLogs(scoped(sql, "foreign_logs"), 1, log), { code: "42501" });
    const named = sql`select from organizations where ${behindWall(scoped(sql, "foreign_logs"))}`;
    assert.deepEqual([...await named], []);
    // A statement that fails leaves nothing behind either.
    await assert.rejects(sql`select 1 / (id - id) from logs where ${behindWall(scoped(sql, 1))}`, {
      code: "22012",
    });
    assert.deepEqual([...await sql`select from logs`], []);
  }
  await insertLogs(scoped(sql, 1), 1, log);
  assert.equal((await readHistory(scoped(sql, 1), all)).logs[0]?.message, "new");
  await sql.end();
});

Deno.test("statements of two organizations in one pipeline do not see each other's", async () => {
  const { db } = await world();
  await using _ = db;
  await using role = await serverRole(db);
  const sql = postgres(role.url, { max: 2, fetch_types: false });
  const counted = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      const scope = i % 3;
      if (scope === 0) return [0, (await sql`select from logs`).length];
      const rows = await sql<{ id: string }[]>`
        select distinct organization_id as id from logs where ${behindWall(scoped(sql, scope))}`;
      return [scope, ...rows.map(({ id }) => Number(id))];
    }),
  );
  for (const [scope, ...found] of counted) assert.deepEqual(found, [scope]);
  await sql.end();
});

Deno.test("foreignOrganizations() finds those of all organizations as the server's role", async () => {
  const { db } = await world();
  await using _ = db;
  await using role = await serverRole(db);
  await db
    .sql`insert into logs (organization_id, message, xid) values (2, 'x', '900000000'), (7, 'y', '900000000')`;
  assert.deepEqual(await foreignOrganizations(role.sql), ["2", "7"]);
  assert.equal(await countForeignLogs(role.sql), 2);
});

Deno.test("createAccess() asks the database, remembers for a minute, and knows of callers who see all", async () => {
  const { db } = await world();
  await using _ = db;
  await using role = await serverRole(db);
  let now = 0;
  const access = createAccess(role.sql, { now: () => now });
  const of = (organizationId: number | null) => ({ ...ANYBODY, organizationId });
  assert.equal(await access.mayWatch(of(1), 1), true);
  assert.equal(await access.mayWatch(of(1), 2), false);
  assert.equal(await access.mayWatch(of(2), 1), false);
  assert.equal(await access.mayWatch(of(3), 3), false);
  assert.equal(await access.mayWatch(of(null), 3), true);
  await db.sql`insert into organizations (id, name) values (3, 'third')`;
  assert.equal(await access.mayWatch(of(3), 3), false);
  now += 60_001;
  assert.equal(await access.mayWatch(of(3), 3), true);
  await role.sql.end();
  // Away: what was known counts for ten minutes, and nothing else does.
  now += 9 * 60_000;
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => access.mayWatch(of(3), 3))), [true, true, true]);
  await assert.rejects(access.mayWatch(of(4), 4));
  now += 2 * 60_000;
  await assert.rejects(access.mayWatch(of(3), 3));
});

Deno.test("no statement of the server names logs, organizations or views without the wall's condition", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const bare: string[] = [];
  let behind = 0;
  for (const folder of ["lib", "routes"]) {
    for await (const path of sources(root + folder)) {
      const text = await Deno.readTextFile(path);
      const name = path.slice(root.length);
      for (
        const { 0: found, index } of text.matchAll(
          /\b(?:from|join|into|update)\s+(?:logs|organizations|tailpost_views)\b/gu,
        )
      ) {
        // To the end of the template that it stands in: fragments that follow are part of it.
        const rest = text.slice(index, index + 500);
        if (/^[^;]*?\bwhere\s+\$\{\s*(?:behindWall\(|inside\})/u.test(rest)) behind++;
        else if (
          text.slice(text.lastIndexOf("\n", index) + 1, index).match(/^\s*(?:\*|\/\/|\/\*)/u) === null
        ) {
          bare.push(`${name}: ${found}`);
        }
      }
    }
  }
  assert.ok(behind >= 17, `${behind}`);
  assert.deepEqual(bare.sort(), [
    "lib/cli/demo.ts: from logs",
    "lib/cli/demo.ts: from logs",
    "lib/foreign_logs.ts: from logs",
    "lib/foreign_logs.ts: update logs",
    "lib/organizations.ts: into organizations",
    "lib/organizations.ts: update organizations",
  ], "Those are asked as the owner. Every other one begins its `where` with behindWall()");
});

/** The program's own sources below a folder. */
async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(`${folder}/${name}`);
    else if (/\.tsx?$/u.test(name) && !/_test(?:ing)?\.tsx?$/u.test(name)) yield `${folder}/${name}`;
  }
}
