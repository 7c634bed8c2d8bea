/** Builds what a run consists of. */

import { wait } from "../../lib/backoff.ts";
import { migrateUp } from "../../lib/migrations.ts";
import { testServer } from "../postgres.ts";
import { startProxy } from "../proxy.ts";
import { diceOf } from "./chance.ts";
import { FILTERS, ORGANIZATIONS } from "./filters.ts";
import type { FaultsOptions } from "./run.ts";
import { freePort, ServerUnderTest } from "./server.ts";
import { POSTGRES_SETTINGS } from "./server_faults.ts";
import { FaultViewer } from "./viewer.ts";
import type { World } from "./world.ts";
import { withClient } from "./writers.ts";

/** Viewers of each organization that have no filter, beside those of every filter. */
const WITHOUT_FILTER = 2;

/** Starts PostgreSQL, the proxy, the server and the viewers. All of it ends with `resources`. */
export async function setUp(
  { seed, entry, env = {}, onStarted }: FaultsOptions,
  resources: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<World> {
  const postgres = resources.use(await testServer({ port: freePort(), settings: POSTGRES_SETTINGS }));
  const database = await postgres.database();
  await migrateUp(database.sql);
  // A pool that would connect again and again.
  await database.sql.end();
  onStarted?.(database.superuserUrl);
  const proxy = resources.use(startProxy(database.url));
  // Heartbeats bring cursors too. A stream of a few seconds would not see any.
  const all = { DATABASE_URL: proxy.url, TAILPOST_HEARTBEAT_SECONDS: "3", ...env };
  const server = resources.use(new ServerUnderTest({ env: all, entry, signal }));
  await server.start();

  const viewers: FaultViewer[] = [];
  const problems: string[] = [];
  const tasks: Promise<unknown>[] = [];
  const joining = diceOf(seed, "joining");
  let numbers = 1;
  const open = (organizationId: number, filter = joining.pick(FILTERS)) => {
    const name = `viewer ${viewers.length + 1}`;
    const dice = diceOf(seed, name);
    const tail = dice.pick([0, 0, 10, 500]);
    const viewer = new FaultViewer({ name, organizationId, filter, dice, server: server.url, tail, signal });
    viewers.push(viewer);
    tasks.push(viewer.watch().catch((error) => void problems.push(`${name}: ${error}`)));
    return begin(viewer, database.url, signal);
  };
  const beginning = ORGANIZATIONS.flatMap((organization) => {
    const unfiltered = Array.from({ length: WITHOUT_FILTER - 1 }, () => open(organization, FILTERS[0]));
    return [...unfiltered, ...FILTERS.map((filter) => open(organization, filter))];
  });
  await Promise.all(beginning);
  return {
    postgres,
    url: database.url,
    superuserUrl: database.superuserUrl,
    proxy,
    server,
    viewers,
    openViewer() {
      const opening = open(joining.pick(ORGANIZATIONS));
      tasks.push(opening.catch((error: Error) => void problems.push(error.message)));
    },
    numbers(count) {
      numbers += count;
      return numbers - count;
    },
    problems,
    tasks,
    slowestNotice: 0,
    signal,
  };
}

/** Notes the beginning of a viewer once it was told that logs come through. Rejects when it never is. */
async function begin(viewer: FaultViewer, url: string, signal: AbortSignal): Promise<void> {
  if (!await viewer.until(() => viewer.ledger.database === "connected", 120_000)) {
    signal.throwIfAborted();
    throw new Error(`${viewer.name} was never ready`);
  }
  // Later is fine, it only promises less; PostgreSQL may be away at the moment.
  while (viewer.snapshot === null && !signal.aborted) {
    try {
      await withClient(url, 10_000, async (sql) => {
        const [row] = await sql<{ now: string }[]>`select pg_current_snapshot()::text as now`;
        viewer.snapshot = row?.now ?? null;
      });
    } catch {
      await wait(200, signal);
    }
  }
}
