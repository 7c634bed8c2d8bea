// deno-lint-ignore-file no-console -- a program for a terminal
/**
 * `deno task bench`: starts PostgreSQL, Tailpost, viewers and a writer, and prints what a thousand viewers get and what it
 * costs. Ends with 1 when a log was lost or repeated, never because of a time.
 */

import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "../lib/embedded_postgres.ts";
import { processor } from "./proc.ts";
import { formatNotes, formatTable, isLossless, METHOD, type Row } from "./report.ts";
import { runScenario } from "./run_scenario.ts";
import { checkScenario, quick, type Scenario, SCENARIOS } from "./scenarios.ts";
import { tailpost } from "./targets.ts";
import { openWriter } from "./writer.ts";

const HELP = `Usage: deno task bench [options]

  --viewers N    open streams (default 1000)
  --stalled N    further streams that nobody reads (default 0)
  --rate N       logs a second (default 10)
  --seconds N    measured time (default 30), after the warm-up
  --warmup N     seconds that are not counted (default 5)
  --quick        a shorter run, under 40 seconds
  --program F    another main.ts to measure, such as that of an older version
  --help         this text`;

const OPTIONS = {
  viewers: { type: "string" },
  stalled: { type: "string" },
  rate: { type: "string" },
  seconds: { type: "string" },
  warmup: { type: "string" },
  quick: { type: "boolean" },
  program: { type: "string" },
  help: { type: "boolean" },
} as const;

/** The scenarios of a command line: those of the list, or one of its own where an option changes it. */
function chooseScenarios(
  values: Readonly<Record<string, string | boolean | undefined>>,
): readonly Scenario[] {
  const scenarios = values.quick ? SCENARIOS.map(quick) : SCENARIOS;
  const [first] = scenarios;
  const changed = (["viewers", "stalled", "rate", "seconds", "warmup"] as const).filter((name) =>
    values[name] !== undefined
  );
  if (!first || changed.length === 0) return scenarios;
  const numbers = Object.fromEntries(changed.map((name) => [name, Number(values[name])]));
  // What is expected of the listed scenario says nothing about another load.
  const aims = "viewers" in numbers || "stalled" in numbers || "rate" in numbers ? {} : first.aims;
  return [{ ...first, ...numbers, aims }];
}

async function measure(
  scenarios: readonly Scenario[],
  program: string,
  signal: AbortSignal,
): Promise<readonly Row[]> {
  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "tailpost-bench-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  // PostgreSQL may run as another user, who has to pass through.
  if (Deno.build.os !== "windows") await Deno.chmod(directory, 0o711);
  console.log("Starting PostgreSQL");
  const database = resources.use(await startEmbeddedPostgres({ dataDir: `${directory}/postgres`, signal }));
  const target = tailpost(program);
  console.log(`Starting ${target.name}`);
  const running = resources.use(
    await target.start({ databaseUrl: database.url, directory: `${directory}/tailpost` }),
  );
  const writer = resources.use(openWriter(database.url));
  const { version, fsync, commit, pid } = await writer.describe();

  const memory = (Deno.systemMemoryInfo().total / 2 ** 30).toFixed(1);
  console.log(`
Machine:   ${navigator.hardwareConcurrency} cores, ${processor()}, ${memory} GiB, ${Deno.build.target}
Versions:  Deno ${Deno.version.deno}, PostgreSQL ${version} (fsync ${fsync}, synchronous_commit ${commit})
Command:   ${["deno task bench", ...Deno.args].join(" ")}
`);

  const rows: Row[] = [];
  let first = 0;
  for (const scenario of scenarios) {
    const { name, viewers, stalled, rate, seconds, warmup } = scenario;
    const idle = stalled > 0 ? `, ${stalled} more that nobody reads` : "";
    console.log(
      `Running ${name}: ${viewers} viewers${idle}, ${rate} logs/s, ${warmup} s to warm up, then ${seconds} s`,
    );
    const result = await runScenario({ scenario, target: running, writer, backend: pid, first, signal });
    rows.push({ target: target.name, scenario, result });
    first += Math.ceil(rate * warmup) + Math.ceil(rate * seconds);
  }
  return rows;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ args: Deno.args, options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const scenarios = chooseScenarios(values);
  scenarios.forEach(checkScenario);
  const program = values.program ?? new URL("../main.ts", import.meta.url).pathname;

  const controller = new AbortController();
  const stop = () => controller.abort(new Error("Stopped"));
  Deno.addSignalListener("SIGINT", stop);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
  const rows = await measure(scenarios, program, controller.signal);

  console.log(`\n${formatTable(rows)}\n`);
  for (const row of rows) console.log(formatNotes(row).join("\n") + "\n");
  console.log(METHOD);
  return rows.every(({ result }) => isLossless(result)) ? 0 : 1;
}

if (import.meta.main) {
  const code = await main().catch((error: unknown) => {
    console.error(`Cannot measure: ${error instanceof Error ? error.message : error}`);
    return 2;
  });
  Deno.exit(code);
}
