// deno-lint-ignore-file no-console -- a program for a terminal
/**
 * Measures what an INSERT pays for being announced: pgbench writes to the same table without a trigger, with the usual one, and with
 * Tailpost's, in turns, so that what else the machine does meets all of them alike.
 */

import postgres from "postgres";
import { migrateUp } from "../lib/migrations.ts";
import { rowTrigger } from "./alternatives.ts";
import { start } from "./child.ts";
import type { CreateDatabase } from "./databases.ts";
import { usageOf } from "./proc.ts";
import { Histogram } from "./stats.ts";
import type { RunningTarget, Target } from "./targets.ts";

/** What is on the way of an INSERT. */
export const VARIANTS = [
  { name: "no trigger", about: "Tailpost's table and its indexes alone" },
  {
    name: "row trigger",
    about: "the usual one, `pg_notify` a row, and a connection that listens: no server",
  },
  { name: "row trigger, watched", about: "the same with the usual server (`article` above) and two viewers" },
  { name: "tailpost, nobody watches", about: "the server runs, and has no viewer" },
  { name: "tailpost notify, watched", about: "the server has two viewers" },
  { name: "tailpost wal, watched", about: "the same with `--source wal`" },
] as const;

/** One of them. */
export type Variant = (typeof VARIANTS)[number]["name"];

/** How it is written. */
export interface Load {
  readonly writers: number;
  /** Rows an INSERT, each of which is a transaction. */
  readonly rows: number;
}

/** A load, for people. */
export function nameOf({ writers, rows }: Load): string {
  return `${writers} ${writers === 1 ? "writer" : "writers"}, ${rows} ${
    rows === 1 ? "row" : "rows"
  } an INSERT`;
}

/** What came of all runs of a load with a variant. */
export interface WritesResult {
  readonly variant: Variant;
  readonly load: Load;
  /** Rows a second of each run. */
  readonly rates: readonly number[];
  /** Microseconds of an INSERT with its commit, of all runs. */
  readonly latency: Histogram;
}

/** Every load that is measured, for how many seconds, how often. */
const PLAN = {
  whole: { writers: [1, 8, 16, 32], rows: [1, 100], seconds: 3, rounds: 3 },
  quick: { writers: [1, 16], rows: [1, 100], seconds: 1, rounds: 1 },
} as const;

const VIEWERS = 2;
const RUN_TIMEOUT = 60_000;
const MESSAGE =
  "GET /v1/products/LIN-0042 200 12ms user=48211 city=Zürich agent=ShopApp/7.3 cache=miss replica=3 region=eu-1";

/** What is measured on. */
export interface Writes {
  /** Tailpost with a source. */
  readonly own: (source: "notify" | "wal") => Target;
  /** The usual server; undefined where it is not installed. */
  readonly article: Target | undefined;
  readonly createDatabase: CreateDatabase;
  readonly directory: string;
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

/** Measures; nothing where there is no pgbench, which is said. */
export async function measureWrites(options: Writes): Promise<readonly WritesResult[]> {
  const { createDatabase, directory, quick, signal } = options;
  const pgbench = await findPgbench();
  if (pgbench === null) {
    console.log("Left out: writes, which want pgbench (on Debian: apt-get install postgresql-contrib)");
    return [];
  }
  await using resources = new AsyncDisposableStack();
  const databases = new Map<Variant, Prepared>();
  for (const { name } of VARIANTS) {
    if (name === "row trigger, watched" && !options.article) continue;
    const url = await createDatabase(`bench_writes_${databases.size}`);
    databases.set(name, resources.use(await prepare(name, url, options)));
  }
  const plan = quick ? PLAN.quick : PLAN.whole;
  const results: (WritesResult & { rates: number[] })[] = [];
  for (const rows of plan.rows) {
    for (const writers of plan.writers) {
      const load = { writers, rows };
      console.log(`Running writes: ${nameOf(load)}`);
      const ofLoad = [...databases.keys()].map((variant) => ({
        variant,
        load,
        rates: [] as number[],
        latency: new Histogram(),
      }));
      for (let round = 0; round < plan.rounds; round++) {
        for (const result of ofLoad) {
          signal.throwIfAborted();
          const database = databases.get(result.variant);
          if (!database) continue;
          result.rates.push(
            await write(
              pgbench,
              { url: database.url, load, seconds: plan.seconds, directory },
              result.latency,
            ),
          );
          await database.calm();
        }
      }
      results.push(...ofLoad);
    }
  }
  return results;
}

/** A database that is written to. */
interface Prepared extends AsyncDisposable {
  readonly url: string;
  /** Takes out what was written, and waits until the server has got over it: the next one would pay for that. */
  calm(): Promise<void>;
}

async function prepare(
  variant: Variant,
  url: string,
  { own, article, directory }: Writes,
): Promise<Prepared> {
  await using resources = new AsyncDisposableStack();
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  resources.defer(() => sql.end({ timeout: 5 }));
  let pids: readonly number[] = [];
  const serve = async (target: Target) => {
    const running = await target.start({ databaseUrl: url, directory: `${directory}/${variant}` });
    resources.use(running);
    pids = running.pids;
    if (variant.endsWith(", watched")) resources.use(await watch(running));
  };
  if (variant.startsWith("tailpost")) await serve(own(variant.includes("wal") ? "wal" : "notify"));
  else {
    await migrateUp(sql);
    await sql`drop trigger logs_notify on logs`;
  }
  if (variant === "row trigger") {
    await sql.unsafe(await rowTrigger());
    await sql.listen("logs_1", () => {});
  }
  if (variant === "row trigger, watched" && article) await serve(article);
  const ended = resources.move();
  return {
    url,
    async calm() {
      await sql`truncate logs`;
      await untilIdle(pids);
    },
    [Symbol.asyncDispose]: () => ended.disposeAsync(),
  };
}

/** Waits until processes hardly work any more: for a quarter of a minute at most. */
async function untilIdle(pids: readonly number[]): Promise<void> {
  const used = () => pids.reduce((sum, pid) => sum + (usageOf(pid)?.cpu ?? 0), 0);
  for (let look = 0, before = used(); look < 60; look++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = used();
    if (now - before < 0.05) return;
    before = now;
  }
}

/** Opens streams and reads them. */
async function watch({ hostname, port, path }: RunningTarget): Promise<AsyncDisposable> {
  const readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  for (let viewer = 0; viewer < VIEWERS; viewer++) {
    const response = await fetch(`http://${hostname}:${port}${path}`);
    const reader = response.body?.getReader();
    if (!response.ok || !reader) throw new Error(`Cannot watch: the answer is ${response.status}`);
    readers.push(reader);
    void (async () => {
      while (!(await reader.read()).done);
    })().catch(() => {});
  }
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(readers.map((reader) => reader.cancel().catch(() => {})));
    },
  };
}

/** What pgbench is to do. */
interface Run {
  readonly url: string;
  readonly load: Load;
  readonly seconds: number;
  readonly directory: string;
}

/** Runs pgbench, adds the time of each INSERT to a histogram, and says how many rows a second were written. */
async function write(
  pgbench: string,
  { url, load, seconds, directory }: Run,
  latency: Histogram,
): Promise<number> {
  const { writers, rows } = load;
  const logs = await Deno.makeTempDir({ dir: directory, prefix: "pgbench-" });
  const script = `${logs}/insert.sql`;
  await Deno.writeTextFile(
    script,
    rows === 1
      ? `insert into logs (level, service, message) values ('info', 'bench', '${MESSAGE}');\n`
      : `insert into logs (level, service, message) select 'info', 'bench', '${MESSAGE}' || i from generate_series(1, ${rows}) as i;\n`,
  );
  try {
    await using child = start(pgbench, [
      "--no-vacuum",
      `--client=${writers}`,
      `--jobs=${Math.min(writers, navigator.hardwareConcurrency)}`,
      `--time=${seconds}`,
      "--protocol=prepared",
      `--file=${script}`,
      "--log",
      `--log-prefix=${logs}/log`,
      url,
    ]);
    await child.finish(RUN_TIMEOUT);
    let count = 0;
    for await (const { name } of Deno.readDir(logs)) {
      if (!name.startsWith("log")) continue;
      // client_id transaction_no time script_no time_epoch time_us (PostgreSQL manual, pgbench, "Per-Transaction Logging")
      for (const line of (await Deno.readTextFile(`${logs}/${name}`)).split("\n")) {
        if (line === "") continue;
        latency.add(Number(line.split(" ", 3)[2]));
        count++;
      }
    }
    return count * rows / seconds;
  } finally {
    await Deno.remove(logs, { recursive: true });
  }
}

/** Where pgbench is: on the path, or where Debian puts it. */
async function findPgbench(): Promise<string | null> {
  const found = ["pgbench"];
  const directory = "/usr/lib/postgresql";
  const versions = await Array.fromAsync(Deno.readDir(directory)).catch(() => []);
  const newestFirst = versions.map(({ name }) => name).sort((a, b) => Number(b) - Number(a));
  found.push(...newestFirst.map((version) => `${directory}/${version}/bin/pgbench`));
  for (const program of found) {
    const runs = new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).output();
    if (await runs.then(({ success }) => success, () => false)) return program;
  }
  return null;
}
