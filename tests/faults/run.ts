/** A run: builds everything, lets it work and fail for a while, heals it, and judges every viewer. */

import { wait } from "../../lib/backoff.ts";
import { COLD_FAULTS } from "./cold.ts";
import { judgeAll } from "./oracle.ts";
import { runLane } from "./schedule.ts";
import { rollBackPrepared } from "./prepared.ts";
import { SERVER_FAULTS } from "./server_faults.ts";
import { setUp } from "./setup.ts";
import { insert, markerRow } from "./traffic.ts";
import type { FaultViewer } from "./viewer.ts";
import { VIEWER_FAULTS } from "./viewer_faults.ts";
import { WAL_FAULTS } from "./wal_faults.ts";
import type { Fault, SourceName, World } from "./world.ts";
import { runWriters, withClient, WRITER } from "./writers.ts";

/** How long a rest may be, in milliseconds. */
const REST = 30_000;

/** How to run. */
export interface FaultsOptions {
  readonly seconds: number;
  readonly seed: number;
  /** How the server hears of logs. Default: notify. */
  readonly source?: SourceName;
  readonly writers?: number;
  /** The kinds of faults. Default: all. */
  readonly faults?: readonly string[];
  /** Another server than the program itself. */
  readonly entry?: URL;
  /** Its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long the last viewer may take to see the end, in milliseconds. Default 60,000: a dead connection is found in 15 s. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
  /** Told how it gets on, every few seconds. */
  readonly onProgress?: (progress: Progress) => void;
  /** Given the address of the database, for whoever wants to look in. */
  readonly onStarted?: (url: string) => void;
  /** Given the last lines that the server wrote. */
  readonly onServerOutput?: (text: string) => void;
  /** Told of each fault that is over, how long it took and whether it could happen. */
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
  /** Organizations that nobody watched until viewers came, and those viewers; they are not among `viewers`. */
  readonly coldOrganizations: number;
  readonly coldViewers: number;
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
  const { seconds, seed, source, writers = 32, faults: kinds, onProgress, onFault = () => {} } = options;
  await using resources = new AsyncDisposableStack();
  const ending = new AbortController();
  resources.defer(() => ending.abort());
  const signal = AbortSignal.any([ending.signal, ...options.signal ? [options.signal] : []]);
  const over = new AbortController();
  const until = AbortSignal.any([over.signal, signal]);
  const world = await setUp(options, resources, { signal, until });
  const { viewers, cold, server, problems } = world;
  const sum = (of: (viewer: FaultViewer) => number) =>
    [...viewers, ...cold.viewers].reduce((sum, viewer) => sum + of(viewer), 0);
  const chosen = (faults: Readonly<Record<string, Fault>>) =>
    Object.fromEntries(Object.entries(faults).filter(([kind]) => kinds?.includes(kind) ?? true));
  const coldFaults = chosen(COLD_FAULTS);

  const stopWriting = new AbortController();
  const writing = runWriters({
    url: world.url,
    seed,
    writers,
    count: () => world.numbers(1),
    cold: Object.keys(coldFaults).length > 0 ? cold.window : null,
    signal: AbortSignal.any([stopWriting.signal, signal]),
  });
  const counts = new Map<string, number>();
  const started = performance.now();
  const progress = () =>
    onProgress?.({
      seconds: (performance.now() - started) / 1000,
      rows: world.numbers(0) - 1,
      received: sum(({ ledger }) => ledger.logs.size),
      faults: [...counts.values()].reduce((sum, times) => sum + times, 0),
    });
  const ticking = setInterval(progress, 5000);
  resources.defer(() => clearInterval(ticking));

  const serverFaults = chosen({ ...SERVER_FAULTS, ...source === "wal" ? WAL_FAULTS : {} });
  const lanes = [
    { name: "viewers", faults: chosen(VIEWER_FAULTS), pause: [200, 1500] },
    { name: "cold", faults: coldFaults, pause: [100, 700] },
    { name: "server", faults: serverFaults, pause: [200, 1500], rest: () => rest(world) },
  ] as const;
  const failing = lanes.map((lane) => runLane(lane, { world, seed, counts, until, onFault }));
  await wait(seconds * 1000, signal);
  over.abort();
  await Promise.all(failing);
  signal.throwIfAborted();
  stopWriting.abort();
  await Promise.all([writing, ...cold.writing]);
  await becomeLevel(world, options.patience);
  clearInterval(ticking);
  progress();
  signal.throwIfAborted();
  options.onServerOutput?.(server.output(200));
  for (const crash of server.crashes) problems.push(`The server ended by itself:\n${crash}`);

  const { rows, missing, repeated, foreign, unannounced } = await judgeAll(world);
  return {
    version: world.postgres.version,
    rows,
    viewers: viewers.length,
    coldOrganizations: cold.window.taken,
    coldViewers: cold.viewers.length,
    resumes: sum(({ resumes }) => resumes),
    received: sum(({ ledger }) => ledger.logs.size),
    overlap: sum(({ ledger }) => ledger.overlap),
    gaps: sum(({ ledger }) => ledger.gaps.length),
    faults: counts,
    slowestNotice: world.slowestNotice,
    missing,
    repeated,
    foreign,
    unannounced,
    problems,
  };
}

/** Heals everything, and lets every viewer read up to a last log. */
async function becomeLevel(world: World, patience = 60_000): Promise<void> {
  const { superuserUrl, proxy, cold, problems, tasks } = world;
  proxy.heal();
  await withClient(superuserUrl, 20_000, async (sql) => {
    // A backend may be at work for a client that has gone. What it commits has to come before the end.
    const end = () =>
      sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where application_name in (${WRITER}, 'faults', 'faults-hog') and pid <> pg_backend_pid()`;
    while ((await end()).length > 0);
    await rollBackPrepared(sql);
  });
  const viewers = [...world.viewers, ...cold.viewers].filter(({ isOver }) => !isOver);
  // Whoever comes later than the last log, and wants nothing older, is never told of it.
  await Promise.all(viewers.map((viewer) => viewer.until(() => viewer.ledger.cursor !== null, patience)));
  const end = await mark(world, viewers);
  await Promise.all(viewers.map(async (viewer) => {
    if (!await viewer.until(() => hasSeen(viewer, end), patience)) {
      problems.push(`${viewer.name} did not see the end within ${patience / 1000} s`);
    }
    viewer.stop();
  }));
  await Promise.all(tasks);
}

/** Lets the viewers read up to where the writers are, while nothing happens to the server. */
async function rest(world: World): Promise<void> {
  const { until } = world;
  try {
    const end = await mark(world, world.viewers);
    const read = Promise.all(world.viewers.map((viewer) => viewer.until(() => hasSeen(viewer, end), REST)));
    await Promise.race([read, wait(REST, until)]);
  } catch {
    // PostgreSQL is not there at the moment, so there is nothing to be read either.
  }
}

/** Writes a log that all of them want to each organization of the viewers. Returns the number of the first. */
async function mark({ url, numbers }: World, viewers: readonly FaultViewer[]): Promise<number> {
  const first = numbers(0);
  const organizations = new Set(viewers.map(({ organizationId }) => organizationId));
  const markers = [...organizations].map((organization) => markerRow(() => numbers(1), organization));
  await withClient(url, 10_000, (sql) => insert(sql, markers));
  return first;
}

function hasSeen({ ledger }: FaultViewer, number: number): boolean {
  return !ledger.isWaiting && ledger.newest >= number;
}
