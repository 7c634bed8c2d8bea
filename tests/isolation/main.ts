/** `deno task test:isolation --seconds N --seed S`: ends with 1 when an organization saw a log of another's. */

import { parseArgs } from "node:util";
import { print } from "../../lib/cli/output.ts";
import { testServer } from "../postgres.ts";
import { WAYS } from "./oracle.ts";
import { scan, type ScanReport } from "./scan.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (!(seconds >= 1 && seconds <= 86_400) || !Number.isInteger(seed)) {
  print("test:isolation: --seconds takes a number from 1 to 86400, --seed a whole one");
  Deno.exit(2);
}

/** Where neither wall stands, the scan must find something within so many seconds. */
const PATIENCE = 30;

const TITLES = {
  both: "Both walls",
  server: "The server's checks alone",
  database: "Row-level security alone",
  none: "Neither",
} as const;

function show({ walls, logs, seen, foreign, examples, problems, ...report }: ScanReport): void {
  print(`\n${TITLES[walls]}: ${foreign} foreign, ${logs} logs, ${report.seconds.toFixed(1)} s`);
  for (const way of WAYS) {
    const { answers, own, foreign } = seen[way];
    print(`  ${way.padEnd(8)} ${answers} answers, ${own} marks of one's own, ${foreign} of others`);
  }
  if (walls !== "none") { for (const example of examples) print(`FOREIGN  ${example}`); }
  for (const problem of problems) print(`PROBLEM  ${problem}`);
}

async function main(): Promise<boolean> {
  await using postgres = await testServer();
  print(`Seed ${seed}`);
  let good = true;
  for (const walls of ["both", "server", "database"] as const) {
    const report = await scan(postgres, { walls, seconds, seed });
    show(report);
    good &&= report.foreign === 0 && report.problems.length === 0;
  }
  const until = ["stream", "history", "export", "values", "log", "views", "written"] as const;
  const report = await scan(postgres, { walls: "none", seconds: PATIENCE, seed, until });
  show(report);
  const isBlind = until.some((way) => report.seen[way].foreign === 0);
  if (isBlind) print("PROBLEM  the scan does not find what it should");
  return good && !isBlind && report.problems.length === 0;
}

Deno.exitCode = await main() ? 0 : 1;
