/** Writes what was measured to docs/benchmarks.md, between two marks, and its charts beside it. */

import { type Bar, barChart } from "./chart.ts";
import type { IngestResult } from "./ingest.ts";
import { formatIngest } from "./ingest_report.ts";
import { efficiency, formatTable, inOrder, type Row } from "./report.ts";
import { milliseconds, whole } from "./table.ts";
import type { Target } from "./targets.ts";
import type { WritesResult } from "./writes.ts";
import { chartOfWrites, formatWrites } from "./writes_report.ts";

const DOCS = new URL("../docs/", import.meta.url);
const [BEGIN, END] = ["<!-- measured: begin -->", "<!-- measured: end -->"];

/** What there is to write. */
export interface Report {
  readonly machine: string;
  readonly rows: readonly Row[];
  readonly ingest: readonly IngestResult[];
  readonly writes: readonly WritesResult[];
  readonly targets: readonly Target[];
}

/** @returns the files that were written */
export async function writeReport(report: Report): Promise<readonly string[]> {
  const page = new URL("benchmarks.md", DOCS);
  const text = await Deno.readTextFile(page);
  const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
  if (before === undefined || after === undefined) {
    throw new Error(`docs/benchmarks.md lacks ${BEGIN} or ${END}`);
  }
  const charts = new Map(chartsOf(report.rows));
  if (report.writes.length > 0) charts.set("bench-writes.svg", chartOfWrites(report.writes));
  for (const [name, svg] of charts) await Deno.writeTextFile(new URL(`images/${name}`, DOCS), svg);
  await Deno.writeTextFile(page, `${before}${BEGIN}\n\n${pageOf(report)}\n\n${END}${after}`);
  return ["docs/benchmarks.md", ...[...charts.keys()].map((name) => `docs/images/${name}`)];
}

function pageOf({ machine, rows, ingest, writes, targets }: Report): string {
  const programs = targets.map(({ name, about }) => `- \`${name}\`: ${about}`).join("\n");
  return [
    "```\n" + machine + "\n```",
    ...(rows.length > 0
      ? [
        programs,
        "![Deliveries per second of CPU](images/bench-efficiency.svg)",
        "![Time from the INSERT to the viewer, p99](images/bench-latency.svg)",
        formatTable(rows),
      ]
      : []),
    ...(ingest.length > 0 ? [formatIngest(ingest)] : []),
    ...(writes.length > 0 ? ["![Rows a second](images/bench-writes.svg)", formatWrites(writes)] : []),
  ].join("\n\n");
}

/** The charts by their file names. */
export function chartsOf(rows: readonly Row[]): ReadonlyMap<string, string> {
  if (rows.length === 0) return new Map();
  const grouped = Map.groupBy(inOrder(rows), ({ scenario }) => scenario.name);
  const own = rows[0]?.target;
  const groups = (bar: (row: Row) => Omit<Bar, "label" | "isOwn"> | null) =>
    [...grouped].flatMap(([name, of]) => {
      if (of.length < 2) return [];
      const most = of[0]?.scenario.rate;
      const bars = of.flatMap((row): Bar[] => {
        const made = bar(row);
        if (made === null) return [];
        const less = row.scenario.rate === most ? "" : ` (at ${whole(row.scenario.rate)} logs/s)`;
        return [{ ...made, text: made.text + less, label: row.target, isOwn: row.target === own }];
      });
      return [{ heading: name, bars }];
    });
  return new Map([
    [
      "bench-efficiency.svg",
      barChart(
        "Deliveries per second of CPU, more is better",
        groups((row) => {
          const value = efficiency(row);
          return value === undefined ? null : { value, text: whole(value) };
        }),
      ),
    ],
    [
      "bench-latency.svg",
      barChart(
        "Time from the INSERT to the viewer, p99, less is better",
        groups(({ result }) => {
          const value = result.latency.percentile(0.99);
          return Number.isFinite(value) ? { value, text: milliseconds(value) } : null;
        }),
      ),
    ],
  ]);
}
