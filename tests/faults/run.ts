/** A run: builds everything, lets it work and fail for a while, heals it, and judges every viewer. */

import { wait } from "../../lib/backoff.ts";
import { migrateUp } from "../../lib/migrations.ts";
import { testServer } from "../postgres.ts";
import { startProxy } from "../proxy.ts";
import { diceOf } from "./chance.ts";
import { FILTERS, ORGANIZATIONS } from "./filters.ts";
import { isClean, type Verdict } from "./judge.ts";
import { judgeViewer } from "./oracle.ts";
import { runLane } from "./schedule.ts";
import { freePort, ServerUnderTest } from "./server.ts";
import { MOST_CONNECTIONS, SERVER_FAULTS } from "./server_faults.ts";
import { insert, markerRow } from "./traffic.ts";
import { FaultViewer } from "./viewer.ts";
import { VIEWER_FAULTS } from "./viewer_faults.ts";
import type { Fault, World } from "./world.ts";
import { runWriters, withClient, WRITER } from "./writers.ts";

/** How long the last viewer may take to see the end, in milliseconds: a dead connection is found in 15 s. */
const LEVEL = 60_000;

/** How to run. */
export interface FaultsOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly writers?: number;
  /** Viewers of each filter in each organization. Those without a filter are there once more. */
  readonly copies?: number;
  /** The kinds of faults. Default: all. */
  readonly faults?: readonly string[];
  /** Another server than the program itself. */
  readonly entry?: URL;
  /** Its environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Told how it gets on, every few seconds. */
  readonly onProgress?: (progress: Progress) => void;
  /** Told of each fault that is over, and whether it could happen. */
  /** Given the address of the database, for whoever wants to look in. */
  readonly onStarted?: (url: string) => void;
  /** Given the last lines that the server wrote. */
  readonly onServerOutput?: (text: string) => void;
  readonly onFault?: (kind: string, milliseconds: number, done: boolean) => void;
}

/** How a run gets on. */
export interface Progress {
  readonly seconds: number;
  /** Given to writers, whatever became of them. */
  readonly rows: number;
  readonly received: number;
  readonly faults: number;
}

/** What came of a run. */
export interface FaultsResult {
  /** Major version of PostgreSQL. */
  readonly version: number;
  readonly rows: number;
  readonly viewers: number;
  readonly resumes: number;
  /** Logs received by all viewers, and those that came once more within a client's memory. */
  readonly received: number;
  readonly overlap: number;
  readonly gaps: number;
  /** How often each kind happened. */
  readonly faults: ReadonlyMap<string, number>;
  /** The longest that the server took to notice a connection that was cut off, in milliseconds. */
  readonly slowestNotice: number;
  readonly missing: number;
  readonly repeated: number;
  readonly foreign: number;
  readonly unannounced: number;
  /** In words, whatever was wrong. */
  readonly problems: readonly string[];
}

/** Runs. Rejects when it is aborted, or when nothing could be found out. */
export async function runFaults(options: FaultsOptions): Promise<FaultsResult> {
  const {
    seconds,
    seed,
    writers = 32,
    copies = 1,
    faults: kinds,
    env = {},
    entry,
    onProgress,
    onFault = () => {},
  } = options;
  await using resources = new AsyncDisposableStack();
  const ending = new AbortController();
  resources.defer(() => ending.abort());
  const signal = AbortSignal.any([ending.signal, ...options.signal ? [options.signal] : []]);
  const postgres = resources.use(
    await testServer({ port: freePort(), settings: { max_connections: String(MOST_CONNECTIONS) } }),
  );
  const database = await postgres.database();
  await migrateUp(database.sql);
  // A pool that would connect again and again.
  await database.sql.end();
  const proxy = resources.use(startProxy(database.url));
  const server = resources.use(
    new ServerUnderTest({
      // Heartbeats bring cursors too. A process of a few seconds would not see any.
      env: { DATABASE_URL: proxy.url, TAILPOST_HEARTBEAT_SECONDS: "3", ...env },
      entry,
      signal,
    }),
  );
  options.onStarted?.(database.superuserUrl);
  await server.start();

  const viewers: FaultViewer[] = [];
  const watching: Promise<void>[] = [];
  const problems: string[] = [];
  const background: Promise<unknown>[] = [];
  let numbers = 1;
  const count = () => numbers++;
  const openViewer = (organizationId: number, filter = FILTERS[0]!) => {
    const name = `viewer ${viewers.length + 1}`;
    const dice = diceOf(seed, name);
    const viewer = new FaultViewer({
      name,
      organizationId,
      filter,
      dice,
      server: server.url,
      tail: dice.pick([0, 0, 10, 500]),
      signal,
    });
    viewers.push(viewer);
    watching.push(viewer.watch().catch((error) => void problems.push(`${name}: ${error}`)));
    return viewer;
  };
  for (const organization of ORGANIZATIONS) {
    openViewer(organization);
    for (let i = 0; i < copies; i++) for (const filter of FILTERS) openViewer(organization, filter);
  }
  const joining = diceOf(seed, "joining");
  const world: World = {
    postgres,
    url: database.url,
    superuserUrl: database.superuserUrl,
    proxy,
    server,
    viewers,
    openViewer() {
      const viewer = openViewer(joining.pick(ORGANIZATIONS), joining.pick(FILTERS));
      background.push(begin(viewer, database.url, signal));
    },
    numbers(count) {
      numbers += count;
      return numbers - count;
    },
    blame: (problem) => problems.push(problem),
    background: (task) => background.push(task),
    slowestNotice: 0,
    signal,
  };

  const stopWriting = new AbortController();
  const writing = runWriters({
    url: database.url,
    seed,
    count,
    writers,
    signal: AbortSignal.any([stopWriting.signal, signal]),
  });
  await Promise.all(viewers.map((viewer) => begin(viewer, database.url, signal)));

  const counts = new Map<string, number>();
  const started = performance.now();
  const progress = () =>
    onProgress?.({
      seconds: (performance.now() - started) / 1000,
      rows: numbers - 1,
      received: viewers.reduce((sum, { ledger }) => sum + ledger.logs.size, 0),
      faults: [...counts.values()].reduce((sum, n) => sum + n, 0),
    });
  const ticking = setInterval(progress, 5000);
  resources.defer(() => clearInterval(ticking));
  const over = new AbortController();
  const until = AbortSignal.any([over.signal, signal]);
  const only = (faults: Readonly<Record<string, Fault>>) =>
    Object.fromEntries(Object.entries(faults).filter(([kind]) => kinds?.includes(kind) ?? true));
  const lanes = [
    { name: "viewers", faults: only(VIEWER_FAULTS), pause: [200, 1500] },
    { name: "server", faults: only(SERVER_FAULTS), pause: [500, 3500] },
  ] as const;
  const failing = lanes.map((lane) => runLane(lane, { world, seed, counts, until, onFault }));
  await wait(seconds * 1000, signal);
  over.abort();
  await Promise.all(failing);
  signal.throwIfAborted();

  stopWriting.abort();
  await writing;
  proxy.heal();
  await withClient(database.superuserUrl, 20_000, async (sql) => {
    // A backend may be at work for a client that has gone. What it commits has to come before the end.
    while (
      (await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where application_name in (${WRITER}, 'faults-hog')`).length > 0
    );
  });
  const end = numbers;
  await withClient(
    database.url,
    10_000,
    (sql) => insert(sql, ORGANIZATIONS.map((organization) => markerRow(count, organization))),
  );
  await Promise.all(viewers.map(async (viewer) => {
    const { ledger } = viewer;
    const isLevel = () => !ledger.isWaiting && ledger.newest >= end;
    if (await viewer.until(isLevel, LEVEL)) viewer.stop();
    else problems.push(`${viewer.name} did not see the end within ${LEVEL / 1000} s`);
  }));
  for (const viewer of viewers) viewer.stop();
  await Promise.all([...watching, ...background]);
  progress();
  signal.throwIfAborted();
  options.onServerOutput?.(server.output(200));
  for (const crash of server.crashes) problems.push(`The server ended by itself:\n${crash}`);

  const verdicts: Verdict[] = [];
  let rows = 0;
  await withClient(database.url, 120_000, async (sql) => {
    const [row] = await sql<{ rows: string }[]>`select count(*) as rows from logs`;
    rows = Number(row?.rows);
    for (const viewer of viewers) {
      const verdict = await judgeViewer(sql, viewer);
      verdicts.push(verdict);
      if (!isClean(verdict)) problems.push(describe(viewer, verdict));
    }
  });
  const sum = (of: (viewer: FaultViewer) => number) => viewers.reduce((sum, viewer) => sum + of(viewer), 0);
  const wrong = (of: (verdict: Verdict) => number) => verdicts.reduce((sum, verdict) => sum + of(verdict), 0);
  return {
    version: postgres.version,
    rows,
    viewers: viewers.length,
    resumes: sum(({ resumes }) => resumes),
    received: sum(({ ledger }) => ledger.logs.size),
    overlap: sum(({ ledger }) => ledger.overlap),
    gaps: sum(({ ledger }) => ledger.gaps.length),
    faults: counts,
    slowestNotice: world.slowestNotice,
    missing: wrong(({ missing }) => missing.length),
    repeated: wrong(({ repeated }) => repeated.length),
    foreign: wrong(({ foreign }) => foreign.length),
    unannounced: wrong(({ unannounced }) => unannounced),
    problems,
  };
}

/** Notes the beginning of a viewer once it was told that logs come through. */
async function begin(viewer: FaultViewer, url: string, signal: AbortSignal): Promise<void> {
  while (!await viewer.until(() => viewer.ledger.database === "connected", 60_000)) signal.throwIfAborted();
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

/** One line for a person. */
function describe({ name, organizationId, filter }: FaultViewer, verdict: Verdict): string {
  const ids = (what: string, list: readonly number[]) => {
    const some = list.slice(0, 5).join(", ") + (list.length > 5 ? ", …" : "");
    return list.length === 0 ? [] : [`${list.length} ${what} (ids ${some})`];
  };
  const parts = [
    ...ids("missing", verdict.missing),
    ...ids("repeated", verdict.repeated),
    ...ids("foreign", verdict.foreign),
  ];
  if (verdict.unannounced > 0) parts.push(`gaps wrong by ${verdict.unannounced}`);
  return `${name}, organization ${organizationId}, filter ${filter.query || "none"}: ${parts.join(", ")}`;
}
