/** What a run of the fan-out prints. Pure. */

import { isPinned } from "./child.ts";
import type { Result } from "./run_scenario.ts";
import type { Scenario } from "./scenarios.ts";
import { markdownTable, megabytes, milliseconds, percent, ratio, whole } from "./table.ts";

/** A scenario that was run. */
export interface Row {
  readonly target: string;
  readonly scenario: Scenario;
  readonly result: Result;
}

const HEADINGS = [
  "load",
  "program",
  "delivered / expected",
  "p50",
  "p95",
  "p99",
  "max",
  "server CPU",
  "deliveries per CPU second",
  "Tailpost is",
  "server memory",
  "a viewer",
  "PostgreSQL CPU",
];

/** How the numbers came about, in the words of the output. */
export const METHOD =
  `How: the time is taken right before the INSERT (autocommit, evenly spaced, of one row unless the load says
otherwise) is sent to PostgreSQL and again when the viewer's process has read the bytes from its socket: it
contains the statement, its commit to disk, NOTIFY, the server, the loopback and any wait of the viewer's
process for its turn. It can be too long, never too short. All clocks are this machine's. CPU is percent of
one core. A viewer is a TCP connection with a plain HTTP/1.1 request; a log is lost when it has not come 60 s
after the last INSERT.
Where a program could not carry the rate, the highest of those tried is shown that it could, with all
delivered and p99 under a second. "Tailpost is" compares deliveries per CPU second with Tailpost's.
${isPinned ? "The load generator is kept to the last core (taskset)." : ""}`
    .trimEnd();

/** Deliveries for each second of CPU that the program used, PostgreSQL's not counted; undefined where that is not known. */
export function efficiency({ result: { delivered, cpu, seconds } }: Row): number | undefined {
  return cpu.server === undefined || cpu.server === 0 || delivered === 0
    ? undefined
    : delivered / (cpu.server / 100 * seconds);
}

/** The rows of one scenario one below the other, the first program's first. */
export function inOrder(rows: readonly Row[]): Row[] {
  const names = [...new Set(rows.map(({ scenario }) => scenario.name))];
  return names.flatMap((name) => rows.filter(({ scenario }) => scenario.name === name));
}

/** How much more the first program of a scenario delivers for the same CPU than that of `row`. */
export function advantage(rows: readonly Row[], row: Row): number | undefined {
  const own = rows.find(({ scenario }) => scenario.name === row.scenario.name);
  const [ours, theirs] = [own && efficiency(own), efficiency(row)];
  return own === undefined || own === row || ours === undefined || theirs === undefined
    ? undefined
    : ours / theirs;
}

/** The table, as Markdown. */
export function formatTable(rows: readonly Row[]): string {
  const cells = inOrder(rows).map((row) => {
    const { target, result } = row;
    const { latency } = result;
    const time = (share: number) => milliseconds(latency.percentile(share));
    const per = efficiency(row);
    const better = advantage(rows, row);
    const viewer = result.rss.viewer;
    return [
      loadOf(rows, row),
      target,
      `${whole(result.delivered)} / ${whole(result.expected)}`,
      time(0.5),
      time(0.95),
      time(0.99),
      milliseconds(latency.count === 0 ? NaN : latency.max),
      percent(result.cpu.server),
      per === undefined ? "n/a" : whole(per),
      better === undefined ? "" : ratio(better),
      megabytes(result.rss.server),
      viewer === undefined ? "n/a" : `${(viewer / 1000).toFixed(0)} kB`,
      percent(result.cpu.postgres),
    ];
  });
  return markdownTable(HEADINGS, cells, 2);
}

/** The scenario's name, with what this program carried of it where that is less. */
function loadOf(rows: readonly Row[], { scenario }: Row): string {
  const whole_ = rows.find(({ scenario: { name } }) => name === scenario.name)?.scenario.rate;
  return whole_ === scenario.rate ? scenario.name : `${scenario.name}: at most ${whole(scenario.rate)}`;
}

/** What else there is to know of a row: the parts of the time, the other processes, and what casts doubt on it. */
export function formatNotes({ scenario, result }: Row): string[] {
  const { cpu, roundTrip, lateness, querying } = result;
  const others = minus(cpu.machine, [cpu.server, cpu.postgres, cpu.viewers, cpu.bench]);
  return [
    ...(roundTrip.count > 0
      ? [
        `INSERT round trip: p50 ${milliseconds(roundTrip.percentile(0.5))}, p99 ${
          milliseconds(roundTrip.percentile(0.99))
        }`,
      ]
      : []),
    ...(querying === undefined ? [] : [
      `Connections that ran a query: ${querying} (the listener asks whether it is still heard, every 10 s)`,
    ]),
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
    ["memory of a viewer", rss.viewer === undefined ? undefined : rss.viewer / 1e3, aims.perViewer, "kB"],
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
