/**
 * The program with a bug, for the tests of the harness: `serve` on a store that gets the catch-up wrong. Which one is in
 * FAULTS_PLANT.
 *
 * - `no-catch-up`: a listener that comes back does not read what it has missed.
 * - `greatest-id`: catch-up is "id > the greatest id that the cursor has seen", as it is often written.
 * - `raw-snapshot`: the cursor of a catch-up is a snapshot as it is, with rollbacks in it that a crash undoes.
 */

import type postgres from "postgres";
import { parseArgs } from "node:util";
import { serve } from "../../lib/cli/serve.ts";
import { readConfig } from "../../lib/config.ts";
import { NO_FILTER } from "../../lib/filter.ts";
import type { HubStore } from "../../lib/hub.ts";
import { createHubStore } from "../../lib/log_store/fetch.ts";

const PLANTS: Readonly<Record<string, (sql: postgres.Sql) => HubStore>> = {
  "no-catch-up": (sql) => {
    const store = createHubStore(sql);
    return {
      ...store,
      // The feed itself asks with this very filter, viewers with one of their own.
      catchUp: async (query) =>
        query.filter === NO_FILTER
          ? { head: [], logs: [], cursor: await store.snapshot(), started: "", gap: null }
          : await store.catchUp(query),
    };
  },
  "greatest-id": (sql) => {
    const store = createHubStore(sql);
    return {
      ...store,
      async catchUp(query) {
        const [row] = await sql<{ greatest: string }[]>`
          select coalesce(max(id), 0) as greatest from logs
          where organization_id = ${query.organizationId}
            and pg_visible_in_snapshot(xid, ${query.since}::pg_snapshot)`;
        const found = await store.catchUp(query);
        return { ...found, logs: found.logs.filter(({ log }) => log.id > Number(row?.greatest)) };
      },
    };
  },
  "raw-snapshot": (sql) => {
    const store = createHubStore(sql);
    return {
      ...store,
      async catchUp(query) {
        const [row] = await sql<{ now: string }[]>`select pg_current_snapshot()::text as now`;
        const found = await store.catchUp(query);
        return row ? { ...found, cursor: row.now } : found;
      },
    };
  },
};

const createStore = PLANTS[Deno.env.get("FAULTS_PLANT") ?? ""];
if (!createStore) throw new Error(`FAULTS_PLANT is none of ${Object.keys(PLANTS).join(", ")}`);
const { values } = parseArgs({
  args: Deno.args.slice(1),
  options: { auth: { type: "string" }, port: { type: "string" } },
});
await serve(readConfig(values), { createStore });
Deno.exit(0);
