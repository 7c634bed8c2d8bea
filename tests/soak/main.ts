// deno-lint-ignore-file no-console -- a program for a terminal
/**
 * `deno task test:soak`: one tab under load in a real browser, on the real server and a real PostgreSQL. Ends with 1 when a log was lost or
 * came twice, or when memory grows; times are printed beside what is aimed at.
 */

import { readCommandLine } from "../arguments.ts";
import { formatSoak, problemsOf } from "./report.ts";
import { runSoak } from "./run.ts";

const HELP = `Usage: deno task test:soak [options]

One tab takes 1,000 logs a second, of several lines and of 10 kB among them, while keys are pressed and somebody
scrolls. Says how busy the page is, its longest task, its memory, dropped frames and how fast keys are answered,
beside the same page rendering each event on its own. Nothing may be lost or doubled, and memory may not grow.

  --seconds N    how long (default 60)
  --rate N       logs a second (default 1000)
  --rows N       rows that the list keeps: 500, 1000, 2000, 5000 or 10000 (default 500)
  --alone        without the other page
  --help         this text

CHROME_PATH chooses another browser, PG_BINDIR another PostgreSQL.`;

/** How long the other page is looked at, in seconds. */
const COMPARED = 15;

const { values, wholeNumber } = readCommandLine("test:soak", {
  help: HELP,
  options: {
    seconds: { type: "string" },
    rate: { type: "string" },
    rows: { type: "string" },
    alone: { type: "boolean" },
    help: { type: "boolean" },
  },
});
const seconds = wholeNumber(values.seconds, { name: "seconds", otherwise: 60, from: 1, to: 86_400 });
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(
    signal,
    () => stopping.signal.aborted ? Deno.exit(130) : stopping.abort(new Error(signal)),
  );
}
const watchdog = setTimeout(() => stopping.abort(new Error("Too late")), seconds * 1000 + 300_000);

try {
  const result = await runSoak({
    seconds,
    rate: wholeNumber(values.rate, { name: "rate", otherwise: 1000, from: 1, to: 20_000 }),
    cap: wholeNumber(values.rows, { name: "rows", otherwise: 500, from: 500, to: 10_000 }),
    compareSeconds: values.alone ? 0 : Math.min(seconds, COMPARED),
    signal: stopping.signal,
    say: (line) => console.log(line),
  });
  console.log(`\n${formatSoak(result)}\n`);
  const problems = problemsOf(result);
  console.log(
    problems.length === 0
      ? "Nothing was lost or doubled, and memory stayed flat"
      : `FAILED: ${problems.join("; ")}`,
  );
  Deno.exit(problems.length === 0 ? 0 : 1);
} catch (error) {
  console.error(stopping.signal.aborted ? "Stopped" : error);
  Deno.exit(stopping.signal.aborted ? 130 : 1);
} finally {
  clearTimeout(watchdog);
}
