/**
 * The program with a bug, for the tests of the harness: `serve` on a store that gets the catch-up wrong. Which one is in
 * FAULTS_PLANT.
 *
 * - `no-catch-up`: a listener that comes back does not read what it has missed.
 * - `greatest-id`: catch-up is "id > the greatest id that the cursor has seen", as it is often written.
 * - `raw-snapshot`: the cursor of a catch-up is a snapshot as it is, with rollbacks in it that a crash undoes.
 * - `late-watch`: the trigger announces nothing where nobody watches, and who comes is told that all comes through at once, whatever
 *   is being written there.
 */

import postgres from "postgres";
import { parseArgs } from "node:util";
import { type Companion, serve } from "../../lib/cli/serve.ts";
import { readConfig } from "../../lib/config.ts";
import { NO_FILTER } from "../../lib/filter.ts";
import type { HubStore, Subscription } from "../../lib/hub.ts";
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

/** The function of the trigger, with a look at who watches as the first thing that it does. */
const WATCHES = `
  create table if not exists planted_watches (organization_id bigint primary key);
  do $plant$ begin
    execute regexp_replace(pg_get_functiondef('logs_notify'::regproc), E'\\nbegin\\n', E'\\nbegin
      if not exists (select from public.planted_watches join new_logs using (organization_id)) then
        return null;
      end if;\\n');
  end $plant$`;

/** Lets the trigger announce only what is watched. */
async function plantWatches(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(WATCHES).finally(() => sql.end());
}

const watch: Companion = ({ sql, hub }) => {
  const subscribe = hub.subscribe.bind(hub);
  Object.assign(hub, {
    subscribe(subscription: Subscription) {
      const { organizationId } = subscription;
      sql`insert into planted_watches values (${organizationId}) on conflict do nothing`.catch(() => {});
      return subscribe(subscription);
    },
  });
  return Promise.resolve();
};

const plant = Deno.env.get("FAULTS_PLANT") ?? "";
const createStore = PLANTS[plant];
if (!createStore && plant !== "late-watch") {
  throw new Error(`FAULTS_PLANT is none of ${Object.keys(PLANTS).join(", ")}, late-watch`);
}
const { values } = parseArgs({
  args: Deno.args.slice(1),
  options: { auth: { type: "string" }, port: { type: "string" } },
});
const config = readConfig(values);
if (createStore) await serve(config, { createStore });
else {
  await plantWatches(config.databaseUrl ?? "");
  await serve(config, { companion: watch });
}
Deno.exit(0);
