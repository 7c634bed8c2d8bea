// deno-lint-ignore-file no-console -- a program for a terminal
/**
 * `deno task bench`: starts PostgreSQL, Tailpost, what it is compared with, viewers and a writer, and prints what the viewers get and
 * what it costs. Ends with 1 when Tailpost lost or repeated a log, never because of a time.
 */

import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "../lib/embedded_postgres.ts";
import { alternatives } from "./alternatives.ts";
import { databasesOf } from "./databases.ts";
import { measureFanOut } from "./fan_out.ts";
import { measureIngest } from "./ingest.ts";
import { formatIngest } from "./ingest_report.ts";
import { processor } from "./proc.ts";
import { formatNotes, formatTable, isLossless, METHOD, type Row } from "./report.ts";
import { checkScenario, QUICK, type Scenario, SCENARIOS } from "./scenarios.ts";
import { tailpost } from "./targets.ts";
import { openWriter } from "./writer.ts";
import { measureWrites } from "./writes.ts";
import { formatWrites } from "./writes_report.ts";
import { writeReport } from "./write_report.ts";

const HELP = `Usage: deno task bench [fanout | ingest | writes] [options]

  fanout         from the table to the viewers, beside the usual designs
  ingest         from POST /api/logs to the commit, with the server killed at the end
  writes         what an INSERT pays for being announced, by pgbench
                 (none: all of them)

  --quick        Tailpost alone, under two minutes
  --only TEXT    scenarios whose name holds this, such as "1,000 logs/s"
  --alone        Tailpost alone
  --write        write the result to docs/benchmarks.md, with charts

One load of your own instead of the scenarios:
  --viewers N    open streams (default 1000)
  --stalled N    further streams that nobody reads (default 0)
  --filters N    so many different filters (default 0)
  --rate N       logs a second (default 10)
  --rows N       logs an INSERT (default 1)
  --seconds N    measured time (default 30), after the warm-up
  --warmup N     seconds that are not counted (default 5)

  --program F    another main.ts to measure, such as that of an older version
  --help         this text`;

const OPTIONS = {
  viewers: { type: "string" },
  stalled: { type: "string" },
  filters: { type: "string" },
  rate: { type: "string" },
  rows: { type: "string" },
  seconds: { type: "string" },
  warmup: { type: "string" },
  only: { type: "string" },
  quick: { type: "boolean" },
  alone: { type: "boolean" },
  write: { type: "boolean" },
  program: { type: "string" },
  help: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

/** The scenarios of a command line: those of the list, or one of its own where an option changes it. */
function chooseScenarios(values: Values): readonly Scenario[] {
  const scenarios = (values.quick ? QUICK : SCENARIOS).filter(({ name }) => name.includes(values.only ?? ""));
  const [first] = SCENARIOS;
  const changed = (["viewers", "stalled", "filters", "rate", "rows", "seconds", "warmup"] as const).filter((
    name,
  ) => values[name] !== undefined);
  if (!first || changed.length === 0) {
    if (scenarios.length === 0) throw new Error(`no scenario has ${values.only} in its name`);
    return scenarios;
  }
  const numbers = Object.fromEntries(changed.map((name) => [name, Number(values[name])]));
  const named = { ...first, ...numbers };
  // What is expected of the listed scenario says nothing about another load.
  const isOther = changed.some((name) => name !== "seconds" && name !== "warmup");
  return [{
    ...named,
    name: `${named.viewers.toLocaleString("en")} viewers, ${named.rate.toLocaleString("en")} logs/s${
      named.rows > 1 ? `, ${named.rows} an INSERT` : ""
    }`,
    others: values.quick ? "none" : "same",
    aims: isOther ? {} : first.aims,
  }];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ args: Deno.args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [part, ...rest] = positionals;
  if (rest.length > 0 || !(part === undefined || isPart(part))) {
    throw new Error(`there is no part ${positionals.join(" ")}, see --help`);
  }
  const scenarios = part === undefined || part === "fanout" ? chooseScenarios(values) : [];
  scenarios.forEach(checkScenario);
  const program = values.program ?? new URL("../main.ts", import.meta.url).pathname;

  const controller = new AbortController();
  const { signal } = controller;
  const stop = () => controller.abort(new Error("Stopped"));
  Deno.addSignalListener("SIGINT", stop);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);

  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "tailpost-bench-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  // PostgreSQL may run as another user, who has to pass through.
  if (Deno.build.os !== "windows") await Deno.chmod(directory, 0o711);
  console.log("Starting PostgreSQL");
  // For all alike, though only one of them reads the WAL.
  const settings = { wal_level: "logical" };
  const database = resources.use(
    await startEmbeddedPostgres({ dataDir: `${directory}/postgres`, settings, signal }),
  );
  const machine = await describeMachine(database.url);
  console.log(`\n${machine}\n`);

  const own = tailpost(program);
  const withOthers = (scenarios.some(({ others }) => others !== "none") || part !== "ingest") &&
    !values.alone &&
    !values.quick;
  const targets = [own, ...withOthers ? await alternatives((text) => console.log(text)) : []];
  const shared = { createDatabase: databasesOf(database), directory, signal };
  const rows = scenarios.length > 0 ? await measureFanOut({ ...shared, scenarios, targets }) : [];
  if (rows.length > 0) {
    console.log(`\n${formatTable(rows)}\n`);
    for (const row of rows) {
      console.log(`${row.target}, ${row.scenario.name}\n${indented(formatNotes(row))}\n`);
    }
    console.log(`${METHOD}\n`);
  }
  const ingest = part === undefined || part === "ingest"
    ? await measureIngest({ ...shared, target: own, quick: !!values.quick })
    : [];
  if (ingest.length > 0) console.log(`${formatIngest(ingest)}\n`);
  const writes = part === undefined || part === "writes"
    ? await measureWrites({
      ...shared,
      own: (source) => tailpost(program, source),
      article: targets.find(({ name }) => name === "article"),
      quick: !!values.quick,
    })
    : [];
  if (writes.length > 0) console.log(`${formatWrites(writes)}\n`);
  if (values.write) {
    const written = await writeReport({ machine, rows, ingest, writes, targets });
    console.log(`Written: ${written.join(", ")}`);
  }
  const own_ = rows.filter(({ target }) => target === own.name);
  return own_.every(isWhole) && ingest.every(({ missing, failed }) => missing === 0 && failed === 0) ? 0 : 1;
}

function isPart(name: string): boolean {
  return ["fanout", "ingest", "writes"].includes(name);
}

/** Where nothing happens nothing can be lost. */
function isWhole({ scenario, result }: Row): boolean {
  return isLossless(result) || (scenario.rate === 0 && result.ended === 0);
}

async function describeMachine(databaseUrl: string): Promise<string> {
  await using writer = openWriter(databaseUrl);
  const { version, fsync, commit } = await writer.describe();
  const memory = (Deno.systemMemoryInfo().total / 2 ** 30).toFixed(1);
  return `Machine:   ${navigator.hardwareConcurrency} cores, ${processor()}, ${memory} GiB, ${Deno.build.target}
Versions:  Deno ${Deno.version.deno}, PostgreSQL ${version} (fsync ${fsync}, synchronous_commit ${commit})
Command:   ${["deno task bench", ...Deno.args].join(" ")}`;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}

if (import.meta.main) {
  const code = await main().catch((error: unknown) => {
    console.error(`Cannot measure: ${error instanceof Error ? error.message : error}`);
    return 2;
  });
  Deno.exit(code);
}
