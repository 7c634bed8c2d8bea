// deno-lint-ignore-file no-console -- a program for a terminal
/**
 * Measures the way of logs from `POST /api/logs` to the commit, and whether what was answered with 201 is in the table though the server
 * was killed.
 */

import postgres from "postgres";
import { startDeno } from "./child.ts";
import type { CreateDatabase } from "./databases.ts";
import type { SendersConfig, SendersReport } from "./senders.ts";
import { Histogram } from "./stats.ts";
import type { Target } from "./targets.ts";
import { usageOf } from "./proc.ts";

/** One way to send. */
export interface IngestScenario {
  readonly name: string;
  /** Connections that send, one request after the other. */
  readonly connections: number;
  readonly logsPerRequest: number;
  /** Requests a second, of all together. */
  readonly rate: number;
}

/** What was measured. CPU in percent of one core. */
export interface IngestResult {
  readonly scenario: IngestScenario;
  readonly seconds: number;
  /** Requests that were answered with 201, and logs of theirs. */
  readonly requests: number;
  readonly logs: number;
  /** Requests that were answered with anything else. */
  readonly failed: number;
  /** Logs whose 201 came, and which are not in the table. */
  readonly missing: number;
  /** Rows for each INSERT, on average. */
  readonly perInsert: number;
  /** Microseconds from the first byte of a request to that of its answer. */
  readonly latency: Histogram;
  readonly cpu: { readonly server: number | undefined; readonly senders: number | undefined };
}

/** What `deno task bench ingest` runs. */
export const INGEST: readonly IngestScenario[] = [
  { name: "batches of 100", connections: 8, logsPerRequest: 100, rate: 200 },
  { name: "single logs", connections: 128, logsPerRequest: 1, rate: 3000 },
];

const START_TIMEOUT = 30_000;

/** Measures, and kills the server in the end of each scenario while requests are on their way. */
export async function measureIngest(
  { target, createDatabase, directory, quick, signal }: {
    target: Target;
    createDatabase: CreateDatabase;
    directory: string;
    quick: boolean;
    signal: AbortSignal;
  },
): Promise<readonly IngestResult[]> {
  const results: IngestResult[] = [];
  for (const [index, scenario] of INGEST.entries()) {
    signal.throwIfAborted();
    console.log(`Running ingest: ${scenario.name}, ${scenario.rate} requests/s`);
    const name = `bench_ingest_${index}`;
    const databaseUrl = await createDatabase(name);
    await using running = await target.start({ databaseUrl, directory: `${directory}/${name}` });
    await using sql = closing(postgres(databaseUrl, { max: 1, onnotice: () => {} }));
    const { hostname, port, pids } = running;
    const config: SendersConfig = { ...scenario, hostname, port, seconds: quick ? 5 : 15 };
    const script = new URL("senders.ts", import.meta.url).pathname;
    await using senders = startDeno(["run", "-A", "--quiet", script, JSON.stringify(config)], {
      ownCore: true,
    });
    await senders.line((line) => line === "warm" || undefined, START_TIMEOUT);
    const cpu = () => ({
      server: usageOf(pids[0] ?? 0)?.cpu,
      senders: usageOf(senders.pid)?.cpu,
    });
    const before = cpu();
    const report: SendersReport = await senders.line(
      (line) => line.startsWith("{") ? JSON.parse(line) : undefined,
      config.seconds * 1000 + START_TIMEOUT,
    );
    const after = cpu();
    const inserts = await insertsOf(`http://${hostname}:${port}`);
    // They go on sending: what was answered by now must be there whatever happens.
    Deno.kill(pids[0] ?? 0, "SIGKILL");
    const { ids }: { ids: number[] } = await senders.line(
      (line) => line.startsWith("{") ? JSON.parse(line) : undefined,
      START_TIMEOUT,
    );
    const [row] = await sql.sql<{ count: number }[]>`
      select count(*)::int as count from logs where id = any(${ids}::bigint[])`;
    const share = (from: number | undefined, to: number | undefined) =>
      from === undefined || to === undefined ? undefined : 100 * (to - from) / report.seconds;
    const latency = new Histogram();
    latency.merge(report.latency);
    results.push({
      scenario,
      seconds: report.seconds,
      requests: report.requests,
      logs: report.requests * scenario.logsPerRequest,
      failed: report.failed,
      missing: ids.length - (row?.count ?? 0),
      perInsert: inserts.logs / Math.max(1, inserts.inserts),
      latency,
      cpu: { server: share(before.server, after.server), senders: share(before.senders, after.senders) },
    });
  }
  return results;
}

async function insertsOf(url: string): Promise<{ logs: number; inserts: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "mu").exec(text)?.[1] ?? 0);
  return { logs: value("tailpost_logs_ingested_total"), inserts: value("tailpost_ingest_inserts_total") };
}

function closing(sql: postgres.Sql): AsyncDisposable & { readonly sql: postgres.Sql } {
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) };
}
