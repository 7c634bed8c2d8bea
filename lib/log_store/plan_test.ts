/** What the catch-up costs on a large table. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "../../tests/postgres.ts";
import { parseFilter } from "../filter.ts";
import { migrateUp } from "../migrations.ts";
import { createHubStore } from "./fetch.ts";

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

Deno.test("catchUp() reads a few of a million rows, by the index", async () => {
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
  // The server writes down the plans of what the store asks.
  await using admin = await plansOf(db.superuserUrl);
  for (const query of ["", "level=error", "service=service+1&q=new", "q=/new/", "not=message"]) {
    const filter = parseFilter(new URLSearchParams(query));
    for (const limit of [10, 10_000]) {
      const asked = await admin.explain((sql) =>
        createHubStore(sql).catchUp({ organizationId: 1, filter, limit, since, head: 5, had: [1, 2, 3] })
      );
      assert.ok(asked.length >= 1);
      for (const plan of asked) {
        for (const scan of scans(plan)) {
          const read = (scan["Actual Rows"] + (scan["Rows Removed by Filter"] ?? 0)) * scan["Actual Loops"];
          assert.equal(scan["Index Name"], "logs_organization_id_xid", `${query} ${JSON.stringify(plan)}`);
          assert.ok(read <= 400, `${query} reads ${read} rows: ${JSON.stringify(plan)}`);
        }
      }
    }
  }
});

/** A connection whose statements tell their plans, by PostgreSQL's auto_explain (manual, appendix F). */
async function plansOf(url: string) {
  const plans: Plan[] = [];
  const sql = postgres(url, {
    max: 1,
    onnotice: ({ message = "" }) => {
      const json = /plan:\n([^]*)$/u.exec(message)?.[1];
      if (json !== undefined && json.includes("logs")) plans.push(JSON.parse(json).Plan);
    },
  });
  await sql`load 'auto_explain'`;
  for (
    const [name, value] of Object.entries({
      "auto_explain.log_min_duration": "0",
      "auto_explain.log_analyze": "on",
      "auto_explain.log_format": "json",
      "auto_explain.log_level": "notice",
    })
  ) await sql`select set_config(${name}, ${value}, false)`;
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
