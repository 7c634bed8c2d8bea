/** Runs one scenario against one running target. */

import { startDeno } from "./child.ts";
import { micros } from "./clock.ts";
import { cpuOfFamily, cpuOfMachine, parentOf, usageOf } from "./proc.ts";
import type { Scenario } from "./scenarios.ts";
import { Histogram } from "./stats.ts";
import type { RunningTarget } from "./targets.ts";
import type { Answer, Order, ViewersConfig, ViewersReport } from "./viewers.ts";
import { countOf, type Writer } from "./writer.ts";

/** What to run on what. */
export interface Run {
  readonly scenario: Scenario;
  readonly target: RunningTarget;
  readonly writer: Writer;
  /** Of a process of PostgreSQL that serves a connection. */
  readonly backend: number;
  /** The first number for its logs, higher than those of the runs before. */
  readonly first: number;
  readonly signal: AbortSignal;
}

/** What was measured. CPU in percent of one core, undefined where the system does not tell. */
export interface Result {
  readonly committed: number;
  readonly failed: number;
  readonly expected: number;
  readonly delivered: number;
  readonly repeated: number;
  readonly ended: number;
  /** Microseconds. */
  readonly latency: Histogram;
  readonly roundTrip: Histogram;
  readonly lateness: Histogram;
  /** Microseconds between the clocks of the two processes, at most. */
  readonly clockError: number;
  readonly seconds: number;
  readonly cpu: {
    readonly server: number | undefined;
    readonly postgres: number | undefined;
    readonly viewers: number | undefined;
    readonly bench: number | undefined;
    readonly machine: number | undefined;
  };
  /** Bytes: the most that was seen while measuring, and what each viewer added by being there. */
  readonly rss: { readonly server: number | undefined; readonly viewer: number | undefined };
  /** Connections of the server that ran a query meanwhile, where nothing happened. */
  readonly querying: number | undefined;
}

const VIEWERS_TIMEOUT = 40_000;
const ANSWER_TIMEOUT = 10_000;
/** How long a log may take before it counts as lost, in milliseconds. */
const DELIVERY_TIMEOUT = 60_000;
const PINGS = 25;

/** Measures. The viewers are a process of their own, ended when this returns. */
export async function runScenario(
  { scenario, target, writer, backend, first, signal }: Run,
): Promise<Result> {
  const { viewers, rate, rows, seconds, filters } = scenario;
  const warming = { first, rate, rows, seconds: scenario.warmup, signal };
  const measuring = { first: first + countOf(warming), rate, rows, seconds, signal };
  const { hostname, port, ready } = target;
  const config: ViewersConfig = {
    hostname,
    port,
    ready,
    path: filters > 0 ? `${target.path}?level=info&not=nothing-{filter}` : target.path,
    viewers,
    filters,
    first: measuring.first,
    count: countOf(measuring),
  };
  const rssBefore = sum(target.pids, (pid) => usageOf(pid)?.rss);
  const script = new URL("viewers.ts", import.meta.url).pathname;
  await using generator = startDeno(["run", "-A", "--quiet", script, JSON.stringify(config)], {
    ownCore: true,
  });

  const ask = async <T extends Answer["answer"]>(kind: T, within: number, order?: Order) => {
    if (order) await generator.say(JSON.stringify(order));
    const answer: Answer = await generator.line((line) => JSON.parse(line), within);
    if (answer.answer === "failed") {
      throw new Error(`Cannot watch with ${viewers} viewers: ${answer.message}`);
    }
    if (answer.answer !== kind) throw new Error(`Cannot use the answer ${answer.answer} for ${kind}`);
    return answer as Extract<Answer, { answer: T }>;
  };

  await ask("ready", VIEWERS_TIMEOUT);
  await using _stalled = await openStalled(target, scenario.stalled);
  signal.throwIfAborted();
  let clockError = Infinity;
  for (let ping = 0; ping < PINGS; ping++) {
    const before = micros();
    const { micros: theirs } = await ask("clock", ANSWER_TIMEOUT, { order: "clock" });
    const after = micros();
    // Theirs was read somewhere between: the distance to the farther end bounds the error.
    clockError = Math.min(clockError, Math.max(Math.abs(theirs - before), Math.abs(after - theirs)));
  }

  await writer.write(warming);
  const rssWith = sum(target.pids, (pid) => usageOf(pid)?.rss);
  const postmaster = parentOf(backend);
  const sample = () => ({
    server: sum(target.pids, (pid) => usageOf(pid)?.cpu),
    postgres: postmaster === undefined ? undefined : cpuOfFamily(postmaster),
    viewers: usageOf(generator.pid)?.cpu,
    bench: usageOf(Deno.pid)?.cpu,
    machine: cpuOfMachine(),
  });
  let rss = rssWith;
  const sampling = setInterval(() => {
    rss = Math.max(rss ?? 0, sum(target.pids, (pid) => usageOf(pid)?.rss) ?? 0) || undefined;
  }, 500);
  const queried = rate === 0 ? await writer.queriesOf(target.application) : null;
  const before = sample();
  const written = await writer.write(measuring).finally(() => clearInterval(sampling));
  const after = sample();
  const querying = queried &&
    [...await writer.queriesOf(target.application)].filter(([pid, began]) => queried.get(pid) !== began)
      .length;

  const expected = written.committed * viewers;
  const report: ViewersReport = await ask("report", DELIVERY_TIMEOUT + ANSWER_TIMEOUT, {
    order: "report",
    expected,
    within: DELIVERY_TIMEOUT,
  });
  const percent = (name: keyof typeof before) => {
    const [from, to] = [before[name], after[name]];
    return from === undefined || to === undefined ? undefined : 100 * (to - from) / written.seconds;
  };
  return {
    ...written,
    expected,
    delivered: report.delivered,
    repeated: report.repeated,
    ended: report.ended,
    latency: toHistogram(report.latency),
    lateness: toHistogram(report.lateness),
    clockError,
    cpu: {
      server: percent("server"),
      postgres: percent("postgres"),
      viewers: percent("viewers"),
      bench: percent("bench"),
      machine: percent("machine"),
    },
    rss: {
      server: rss,
      viewer: rssBefore === undefined || rssWith === undefined ? undefined : (rssWith - rssBefore) / viewers,
    },
    querying: querying ?? undefined,
  };
}

function sum(pids: readonly number[], of: (pid: number) => number | undefined): number | undefined {
  return pids.reduce<number | undefined>((sum, pid) => {
    const value = of(pid);
    return sum === undefined || value === undefined ? undefined : sum + value;
  }, 0);
}

/** Opens streams, reads each until it has begun, and then no more. */
async function openStalled(
  { hostname, port, path }: RunningTarget,
  count: number,
): Promise<AsyncDisposable> {
  const connections: Deno.TcpConn[] = [];
  const request = new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
  for (let i = 0; i < count; i++) {
    const connection = await Deno.connect({ hostname, port });
    connections.push(connection);
    await connection.write(request);
    await connection.read(new Uint8Array(1024));
  }
  return {
    [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      return Promise.resolve();
    },
  };
}

function toHistogram(json: ViewersReport["latency"]): Histogram {
  const histogram = new Histogram();
  histogram.merge(json);
  return histogram;
}
