/**
 * The program with a bug, for the tests of the harness: `serve` on a store that gets the catch-up wrong. Which one is in
 * FAULTS_PLANT.
 *
 * - `no-catch-up`: a listener that comes back does not read what it has missed.
 * - `greatest-id`: catch-up is "id > the greatest id that the cursor has seen", as it is often written.
 * - `raw-snapshot`: the cursor of a catch-up is a snapshot as it is, with rollbacks in it that a crash undoes.
 * - `late-watch`: the listener waits for none of the transactions that had inserted before their organization was watched, and are
 *   not announced: who comes is told at once that all comes through.
 */

import type postgres from "postgres";
import { parseArgs } from "node:util";
import { serve, type ServeOptions } from "../../lib/cli/serve.ts";
import { readConfig } from "../../lib/config.ts";
import { NO_FILTER } from "../../lib/filter.ts";
import type { HubStore } from "../../lib/hub.ts";
import { createHubStore } from "../../lib/log_store/fetch.ts";
import { openNotifyStream } from "../../lib/notify_stream.ts";

const STORES: Readonly<Record<string, (sql: postgres.Sql) => HubStore>> = {
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

/** The connection, on which nobody is found to hold the table. */
function withoutLocks(connection: postgres.Sql): postgres.Sql {
  return new Proxy(connection, {
    apply(target, self, args: readonly unknown[]) {
      const [query] = args;
      const isOfHolders = Array.isArray(query) &&
        query.some((text) => String(text).includes("RowExclusiveLock"));
      return isOfHolders ? Promise.resolve([]) : Reflect.apply(target, self, args);
    },
  });
}

const PLANTS: Readonly<Record<string, ServeOptions>> = {
  ...Object.fromEntries(Object.entries(STORES).map(([name, createStore]) => [name, { createStore }])),
  "late-watch": {
    openStream: (options) => openNotifyStream({ ...options, connection: withoutLocks(options.connection) }),
  },
};

const plant = PLANTS[Deno.env.get("FAULTS_PLANT") ?? ""];
if (!plant) throw new Error(`FAULTS_PLANT is none of ${Object.keys(PLANTS).join(", ")}`);
const { values } = parseArgs({
  args: Deno.args.slice(1),
  options: { auth: { type: "string" }, port: { type: "string" } },
});
await serve(readConfig(values), plant);
Deno.exit(0);
