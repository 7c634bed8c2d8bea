// deno-lint-ignore-file no-console -- a program for a terminal
/** Measures the way from the table to the viewers, of Tailpost and of what it is compared with. */

import type { CreateDatabase } from "./databases.ts";
import { isLossless, type Row } from "./report.ts";
import { type Result, runScenario } from "./run_scenario.ts";
import { RISING, type Scenario } from "./scenarios.ts";
import type { Target } from "./targets.ts";
import { countOf, openWriter } from "./writer.ts";

/** What to measure, and on what. */
export interface FanOut {
  readonly scenarios: readonly Scenario[];
  readonly targets: readonly Target[];
  readonly createDatabase: CreateDatabase;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** A delivery later than this, in microseconds, shows that a rate is too high. */
const TOO_LATE = 1_000_000;

/** Measures every target by itself. The first one is measured in all scenarios, and its failures reject. */
export async function measureFanOut({ targets, scenarios, ...rest }: FanOut): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [index, target] of targets.entries()) {
    const chosen = index === 0 ? scenarios : scenarios.filter(({ others }) => others !== "none");
    rows.push(...await measureTarget(target, { ...rest, scenarios: chosen, isFirst: index === 0 }));
  }
  return rows;
}

async function measureTarget(
  target: Target,
  { scenarios, createDatabase, directory, signal, isFirst }: Omit<FanOut, "targets"> & { isFirst: boolean },
): Promise<Row[]> {
  await using resources = new AsyncDisposableStack();
  const url = await createDatabase(`bench_${target.name}`);
  const start = () => target.start({ databaseUrl: url, directory: `${directory}/${target.name}` });
  console.log(`Starting ${target.name}`);
  let running = await start();
  resources.defer(() => running[Symbol.asyncDispose]());
  const writer = resources.use(openWriter(url));
  const { pid } = await writer.describe();
  let first = 0;

  async function measure(scenario: Scenario): Promise<Result> {
    console.log(`Running ${target.name}: ${describe(scenario)}`);
    const result = await runScenario({ scenario, target: running, writer, backend: pid, first, signal });
    first += countOf({ rate: scenario.rate, seconds: scenario.warmup }) + countOf(scenario);
    return result;
  }

  /** The highest rate that it carries. */
  async function rise(scenario: Scenario): Promise<Row | null> {
    let best: Row | null = null;
    for (const rate of RISING.rates.filter((rate) => rate <= scenario.rate)) {
      const tried = { ...scenario, ...RISING, rate };
      const result = await measure(tried);
      if (!isLossless(result) || result.latency.percentile(0.99) > TOO_LATE) break;
      best = { target: target.name, scenario: { ...tried, name: scenario.name }, result };
    }
    return best;
  }

  const rows: Row[] = [];
  for (const scenario of scenarios) {
    try {
      const row = !isFirst && scenario.others === "highest"
        ? await rise(scenario)
        : { target: target.name, scenario, result: await measure(scenario) };
      if (row) rows.push(row);
    } catch (error) {
      if (isFirst || signal.aborted) throw error;
      console.log(`${target.name} failed: ${error instanceof Error ? error.message : error}`);
      await running[Symbol.asyncDispose]();
      running = await start();
    }
  }
  return rows;
}

function describe({ viewers, stalled, rate, rows, seconds, warmup, filters }: Scenario): string {
  const idle = stalled > 0 ? `, ${stalled} more that nobody reads` : "";
  const different = filters > 0 ? `, ${filters} filters` : "";
  return `${viewers} viewers${idle}${different}, ${rate} logs/s${
    rows > 1 ? `, ${rows} an INSERT` : ""
  }, ${warmup} s to warm up, then ${seconds} s`;
}
