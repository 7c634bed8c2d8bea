/** Builds what a run consists of. */

import { wait } from "../../lib/backoff.ts";
import { migrateUp } from "../../lib/migrations.ts";
import { type TestDatabase, testServer } from "../postgres.ts";
import { startProxy } from "../proxy.ts";
import { diceOf } from "./chance.ts";
import { ColdWindow } from "./cold_window.ts";
import { FILTERS, ORGANIZATIONS } from "./filters.ts";
import type { FaultsOptions } from "./run.ts";
import { freePort, ServerUnderTest } from "./server.ts";
import { postgresSettings } from "./server_faults.ts";
import { FaultViewer, type ViewerOptions } from "./viewer.ts";
import type { Opened, World } from "./world.ts";
import { withClient } from "./writers.ts";

/** Viewers of each organization that have no filter, beside those of every filter. */
const WITHOUT_FILTER = 2;

/** Starts PostgreSQL, the proxy, the server and the viewers. All of it ends with `resources`. */
export async function setUp(
  { seed, source = "notify", entry, env = {}, onStarted }: FaultsOptions,
  resources: AsyncDisposableStack,
  { signal, until }: Pick<World, "signal" | "until">,
): Promise<World> {
  const postgres = resources.use(await testServer({ port: freePort(), settings: postgresSettings(source) }));
  const database = await postgres.database();
  await migrateUp(database.sql);
  if (source === "wal") await decode(database);
  // A pool that would connect again and again.
  await database.sql.end();
  onStarted?.(database.superuserUrl);
  const proxy = resources.use(startProxy(database.url));
  // Heartbeats bring cursors too. A stream of a few seconds would not see any.
  const all = {
    DATABASE_URL: proxy.url,
    TAILPOST_SOURCE: source,
    TAILPOST_HEARTBEAT_SECONDS: "3",
    ...env,
  };
  const server = resources.use(new ServerUnderTest({ env: all, entry, signal }));
  await server.start();

  const viewers: FaultViewer[] = [];
  const problems: string[] = [];
  const tasks: Promise<unknown>[] = [];
  const joining = diceOf(seed, "joining");
  let numbers = 1;
  const openIn = (list: FaultViewer[], options: Omit<ViewerOptions, "server" | "signal">): Opened => {
    const viewer = new FaultViewer({ ...options, server: server.url, signal });
    list.push(viewer);
    tasks.push(viewer.watch().catch((error) => void problems.push(`${viewer.name}: ${error}`)));
    return { viewer, begun: (readFirst) => begin(viewer, { url: database.url, signal, readFirst }) };
  };
  const open = (organizationId: number, filter = joining.pick(FILTERS)) => {
    const name = `viewer ${viewers.length + 1}`;
    const dice = diceOf(seed, name);
    const tail = dice.pick([0, 0, 10, 500]);
    return openIn(viewers, { name, organizationId, filter, dice, tail }).begun();
  };
  const coldViewers: FaultViewer[] = [];
  const beginning = ORGANIZATIONS.flatMap((organization) => {
    const unfiltered = Array.from({ length: WITHOUT_FILTER - 1 }, () => open(organization, FILTERS[0]));
    return [...unfiltered, ...FILTERS.map((filter) => open(organization, filter))];
  });
  await Promise.all(beginning);
  return {
    source,
    postgres,
    url: database.url,
    superuserUrl: database.superuserUrl,
    proxy,
    server,
    viewers,
    cold: {
      window: new ColdWindow(),
      viewers: coldViewers,
      writing: new Set(),
      open({ organizationId, filter, tail }) {
        const name = `cold viewer ${coldViewers.length + 1}`;
        return openIn(coldViewers, { name, organizationId, filter, tail, dice: diceOf(seed, name) });
      },
    },
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
    until,
    signal,
  };
}

/** Lets the server read the log of PostgreSQL in place of notifications. */
async function decode({ url, superuserUrl, sql }: TestDatabase): Promise<void> {
  const role = decodeURIComponent(new URL(url).username);
  await withClient(superuserUrl, 10_000, (sql) => sql`alter role ${sql(role)} replication`);
  await sql`
    create publication tailpost for table logs with (publish = 'insert', publish_via_partition_root = true)`;
  await sql`alter table logs disable trigger logs_notify`;
}

/** Notes the beginning of a viewer once it was told that logs come through. Rejects when it never is. */
async function begin(
  viewer: FaultViewer,
  { url, signal, readFirst = () => Promise.resolve(null) }: {
    readonly url: string;
    readonly signal: AbortSignal;
    readonly readFirst?: (() => Promise<string | null>) | undefined;
  },
): Promise<void> {
  if (!await viewer.until(() => viewer.ledger.database === "connected", 120_000)) {
    signal.throwIfAborted();
    throw new Error(`${viewer.name} was never ready`);
  }
  viewer.snapshot = await readFirst();
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
