// deno-lint-ignore-file no-console -- a program for a terminal
/**
 * `deno task test:faults`: a real server on a real PostgreSQL, viewers, writers, and everything that can fail between them.
 * Ends with 1 when a viewer was not told of a log, or told twice, or of one that is not its own.
 */

import { readCommandLine } from "../arguments.ts";
import { formatProgress, formatResult, isGood } from "./report.ts";
import { runFaults } from "./run.ts";

const HELP = `Usage: deno task test:faults [options]

Viewers that come and go must see every committed log of their filter once, or be told exactly how many they
will not see, whatever fails: network, listener, PostgreSQL, the server.

  --seconds N    how long things go wrong (default 60)
  --seed N       what happens, and in which order (default: another each time)
  --source NAME  how the server hears of logs: notify (default) or wal
  --verbose      the database's address, a line for each fault, what the server wrote last
  --help         this text

PG_BINDIR chooses another PostgreSQL.`;

/** What everything besides the faults may take: the starts, the end, the judgement. Milliseconds. */
const OVERHEAD = 300_000;

/** The longest run, in seconds: a day. */
const MOST_SECONDS = 86_400;

const began = performance.now();

function tell(kind: string, milliseconds: number, done: boolean): void {
  const seconds = (performance.now() - began) / 1000;
  console.log(`${seconds.toFixed(1)} s  ${kind}${done ? "" : ", in vain"} (${milliseconds.toFixed(0)} ms)`);
}

const { values, wholeNumber, oneOf } = readCommandLine("test:faults", {
  help: HELP,
  options: {
    seconds: { type: "string" },
    seed: { type: "string" },
    source: { type: "string" },
    verbose: { type: "boolean" },
    help: { type: "boolean" },
  },
});
const seconds = wholeNumber(values.seconds, { name: "seconds", otherwise: 60, from: 1, to: MOST_SECONDS });
const chance = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
const seed = wholeNumber(values.seed, { name: "seed", otherwise: chance, from: 0, to: 2 ** 32 - 1 });
const source = oneOf(values.source, { name: "source", allowed: ["notify", "wal"] });
console.log(`Seed ${seed}`);

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Once is a wish, and everything is tidied up; twice is an order.
  Deno.addSignalListener(
    signal,
    () => stopping.signal.aborted ? Deno.exit(130) : stopping.abort(new Error(signal)),
  );
}
const watchdog = setTimeout(() => {
  console.error(`FAILED: it did not end within ${OVERHEAD / 1000} s after its time`);
  stopping.abort(new Error("Too late"));
  setTimeout(() => Deno.exit(1), 20_000);
}, seconds * 1000 + OVERHEAD);

try {
  const result = await runFaults({
    seconds,
    seed,
    source,
    signal: stopping.signal,
    ...values.verbose ? { onStarted: console.log, onFault: tell, onServerOutput: console.log } : {},
    onProgress: (progress) => console.log(formatProgress(progress)),
  });
  const again = `deno task test:faults --seconds ${seconds} --seed ${seed} --source ${source}`;
  console.log(formatResult(result, seed, again));
  Deno.exit(isGood(result) ? 0 : 1);
} catch (error) {
  console.error(stopping.signal.aborted ? "Stopped" : error);
  Deno.exit(stopping.signal.aborted ? 130 : 1);
} finally {
  clearTimeout(watchdog);
}
