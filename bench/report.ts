/** What a run prints. Pure. */

import { isPinned } from "./child.ts";
import type { Result } from "./run_scenario.ts";
import type { Scenario } from "./scenarios.ts";

/** A scenario that was run. */
export interface Row {
  readonly target: string;
  readonly scenario: Scenario;
  readonly result: Result;
}

const HEADINGS = [
  "scenario",
  "delivered / expected",
  "p50",
  "p95",
  "p99",
  "max",
  "server CPU",
  "server RSS",
  "PostgreSQL CPU",
];

/** How the numbers came about, in the words of the output. */
export const METHOD =
  `How: the time is taken right before the INSERT (autocommit, one row, evenly spaced) is sent to PostgreSQL and
again when the viewer's process has read the bytes from its socket: it contains the statement, its commit
to disk, NOTIFY, the server, the loopback and any wait of the viewer's process for its turn. It can be too
long, never too short. All clocks are this machine's. CPU is percent of one core. A viewer is a TCP
connection with a plain HTTP/1.1 request; a log is lost when it has not come 10 s after the last INSERT.
${isPinned ? "The load generator is kept to the last core (taskset)." : ""}`
    .trimEnd();

/** The table, as Markdown. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ target, scenario, result }) => {
    const { latency } = result;
    const time = (share: number) => milliseconds(latency.percentile(share));
    return [
      `${target}, ${whole(scenario.viewers)} viewers${
        scenario.stalled > 0 ? ` + ${whole(scenario.stalled)} unread` : ""
      } x ` +
      `${whole(scenario.rate)}/s, ${scenario.seconds} s`,
      `${whole(result.delivered)} / ${whole(result.expected)}`,
      time(0.5),
      time(0.95),
      time(0.99),
      milliseconds(latency.count === 0 ? NaN : latency.max),
      percent(result.cpu.server),
      megabytes(result.rss.server),
      percent(result.cpu.postgres),
    ];
  });
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0))
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(" | ")} |`;
  const rule = `| ${
    widths.map((width, column) => column === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":").join(" | ")
  } |`;
  return [line(HEADINGS), rule, ...cells.map(line)].join("\n");
}

/** What else there is to know of a row: the parts of the time, the other processes, and what casts doubt on it. */
export function formatNotes({ scenario, result }: Row): string[] {
  const { cpu, roundTrip, lateness } = result;
  const others = minus(cpu.machine, [cpu.server, cpu.postgres, cpu.viewers, cpu.bench]);
  return [
    `INSERT round trip: p50 ${milliseconds(roundTrip.percentile(0.5))}, p99 ${
      milliseconds(roundTrip.percentile(0.99))
    }`,
    `Load generator: CPU ${percent(cpu.viewers)}, late by ${milliseconds(lateness.percentile(0.5))} (p50), ` +
    `${milliseconds(lateness.percentile(0.99))} (p99); writer: CPU ${percent(cpu.bench)}`,
    `Rest of the machine: CPU ${percent(others)}; clocks of the processes agree to ${
      milliseconds(result.clockError)
    }`,
    ...doubts(result, others),
    ...losses(result),
    ...missedAims(scenario, result),
  ];
}

/** Whether anything that was committed did not arrive exactly once, or a stream did not last. */
export function isLossless({ delivered, expected, repeated, ended, failed }: Result): boolean {
  return delivered === expected && expected > 0 && repeated === 0 && ended === 0 && failed === 0;
}

function losses({ delivered, expected, repeated, ended, failed }: Result): string[] {
  return [
    ...(delivered < expected ? [`LOST: ${whole(expected - delivered)} deliveries`] : []),
    ...(delivered > expected
      ? [`TOO MANY: ${whole(delivered - expected)} deliveries of logs that were not committed`]
      : []),
    ...(repeated > 0 ? [`REPEATED: ${whole(repeated)} deliveries`] : []),
    ...(ended > 0 ? [`ENDED: ${whole(ended)} streams`] : []),
    ...(failed > 0 ? [`FAILED: ${whole(failed)} INSERTs`] : []),
  ];
}

function doubts({ cpu, lateness, clockError }: Result, others: number | undefined): string[] {
  const late = lateness.percentile(0.99);
  return [
    ...((cpu.viewers ?? 0) > 70 || late > 20_000
      ? ["DOUBT: the load generator was itself a bottleneck, the times above are longer than the server's"]
      : []),
    ...((others ?? 0) > 30
      ? ["DOUBT: other programs kept this machine busy, the times above are longer than the server's"]
      : []),
    ...(clockError > 1000 ? ["DOUBT: the clocks of the processes disagree by more than a millisecond"] : []),
  ];
}

function missedAims({ aims }: Scenario, { latency, cpu, rss }: Result): string[] {
  const measured = [
    ["p50", latency.percentile(0.5) / 1000, aims.p50, "ms"],
    ["p99", latency.percentile(0.99) / 1000, aims.p99, "ms"],
    ["server CPU", cpu.server, aims.cpu, "%"],
    ["server RSS", rss.server === undefined ? undefined : rss.server / 1e6, aims.rss, "MB"],
  ] as const;
  const missed = measured.filter(([, value, aim]) =>
    value !== undefined && aim !== undefined && !(value < aim)
  );
  if (missed.length === 0) return Object.keys(aims).length > 0 ? ["All aims met"] : [];
  return missed.map(([name, value = NaN, aim, unit]) =>
    `Aim missed: ${name} ${value.toFixed(1)} ${unit}, aim under ${aim} ${unit}`
  );
}

function minus(whole: number | undefined, parts: readonly (number | undefined)[]): number | undefined {
  if (whole === undefined) return undefined;
  return Math.max(0, parts.reduce<number>((left, part) => left - (part ?? 0), whole));
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function whole(value: number): string {
  return value.toLocaleString("en");
}

function milliseconds(micros: number): string {
  return Number.isFinite(micros) ? `${(micros / 1000).toFixed(1)} ms` : "n/a";
}

function percent(value: number | undefined): string {
  return value === undefined ? "n/a" : `${value.toFixed(1)} %`;
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "n/a" : `${Math.round(bytes / 1e6)} MB`;
}
