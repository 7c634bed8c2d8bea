/** What the catch-up and the values cost on a large table. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { type TestDatabase, testServer } from "../../tests/postgres.ts";
import { serverRole } from "../../tests/server_role.ts";
import { parseFilter } from "../filter.ts";
import { migrateUp } from "../migrations.ts";
import { createHubStore } from "./fetch.ts";
import { readValues, VALUES_ROWS } from "./values.ts";
import { scoped } from "./wall.ts";

const server = await testServer();

interface Plan {
  readonly "Node Type": string;
  readonly "Index Name"?: string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Plan[];
}

/** The nodes of a plan that read a table. */
function scans(plan: Plan): Plan[] {
  const below = (plan.Plans ?? []).flatMap(scans);
  return plan["Relation Name"] === undefined && plan["Index Name"] === undefined ? below : [plan, ...below];
}

Deno.test("catchUp() and readValues() read a few of a million rows, by the index, as the owner and behind the wall", async (t) => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await db.sql`alter table logs disable trigger logs_notify`;
  // As if by two hundred transactions of five thousand rows, which would take longer.
  await db.sql`
    insert into logs (organization_id, level, service, message, xid)
    select 1 + n % 2, case when n % 100 = 0 then 'error' else 'info' end, 'service ' || n % 20, 'message ' || n,
      (3 + n / 5000)::text::xid8
    from generate_series(1, 1000000) as n`;
  await db.sql`analyze logs`;
  const store = createHubStore(db.sql);
  const since = await store.snapshot();
  for (let i = 0; i < 20; i++) {
    await db.sql`insert into logs (message, level, service)
      select 'new ' || n, 'error', 'service 1' from generate_series(1, 10) as n`;
  }
  await using role = await serverRole(db);
  for (const [who, url] of [["the owner", db.url], ["the server's role", role.url]] as const) {
    await t.step(who, async () => {
      // The server writes down the plans of what the store asks.
      await using admin = await plansOf(db, url);
      for (const query of ["", "level=error", "service=service+1&q=new", "q=/new/", "not=message"]) {
        const filter = parseFilter(new URLSearchParams(query));
        for (const limit of [10, 10_000]) {
          const asked = await admin.explain(async (sql) => {
            const found = await createHubStore(sql).catchUp({
              ...{ organizationId: 1, filter, limit, since, head: 5, had: [1, 2, 3] },
            });
            assert.equal(found.logs.length, Math.min(limit, 200), query);
          });
          assert.ok(asked.length >= 1);
          for (const plan of asked) {
            const scanned = scans(plan);
            assert.ok(scanned.length > 0, JSON.stringify(plan));
            for (const scan of scanned) {
              const read = (scan["Actual Rows"] + (scan["Rows Removed by Filter"] ?? 0)) *
                scan["Actual Loops"];
              assert.equal(
                scan["Index Name"],
                "logs_organization_id_xid",
                `${query} ${JSON.stringify(plan)}`,
              );
              assert.ok(read <= 400, `${query} reads ${read} rows: ${JSON.stringify(plan)}`);
            }
          }
        }
      }
      const [values, ...more] = await admin.explain(async (sql) => {
        assert.equal((await readValues(scoped(sql, 1), 1)).of, VALUES_ROWS);
      });
      assert.ok(values && more.length === 0);
      for (const scan of scans(values)) {
        const read = (scan["Actual Rows"] + (scan["Rows Removed by Filter"] ?? 0)) * scan["Actual Loops"];
        // Half of all rows are the organization's: the primary key does as well.
        assert.ok(["logs_organization_id_id", "logs_pkey"].includes(scan["Index Name"] ?? ""));
        assert.ok(read <= 2 * VALUES_ROWS, `values read ${read} rows`);
      }
    });
  }
});

/** A connection whose statements tell their plans, by PostgreSQL's auto_explain (manual, appendix F). */
async function plansOf(db: TestDatabase, url: string) {
  const { username } = new URL(url);
  const settings = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
  };
  const superuser = postgres(db.superuserUrl, { max: 1 });
  for (const [name, value] of Object.entries(settings)) {
    await superuser.unsafe(`alter role ${username} in database ${db.name} set ${name} = '${value}'`);
  }
  await superuser.end();
  const plans: Plan[] = [];
  const sql = postgres(url, {
    max: 1,
    onnotice: ({ message = "" }) => {
      const json = /plan:\n([^]*)$/u.exec(message)?.[1];
      if (json !== undefined && json.includes("logs")) plans.push(JSON.parse(json).Plan);
    },
  });
  return {
    async explain(ask: (sql: postgres.Sql) => Promise<unknown>): Promise<Plan[]> {
      plans.length = 0;
      await ask(sql);
      // Notices come before the answer of the statement that they are about.
      await sql`select 1`;
      return [...plans];
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}
