/** What a run of the writes prints. Pure. */

import { barChart } from "./chart.ts";
import { markdownTable, milliseconds, whole } from "./table.ts";
import { nameOf, VARIANTS, type WritesResult } from "./writes.ts";

const HEADINGS = ["load", "on the way of an INSERT", "rows/s", "of no trigger", "p50", "p99"];

/** The median of the runs, rows a second; NaN without runs. */
export function median(rates: readonly number[]): number {
  const sorted = rates.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
    : sorted[Math.floor(middle)] ?? NaN;
}

/** How much of the rows a second without a trigger is left; undefined where that was not measured. */
export function share(results: readonly WritesResult[], result: WritesResult): number | undefined {
  const bare = results.find(({ variant, load }) =>
    variant === "no trigger" && load.writers === result.load.writers && load.rows === result.load.rows
  );
  return bare && median(result.rates) / median(bare.rates);
}

/** The table, as Markdown. */
export function formatWrites(results: readonly WritesResult[]): string {
  const rows = results.map((result) => {
    const part = share(results, result);
    return [
      nameOf(result.load),
      result.variant,
      whole(median(result.rates)),
      part === undefined ? "n/a" : `${Math.round(100 * part)} %`,
      milliseconds(result.latency.percentile(0.5)),
      milliseconds(result.latency.percentile(0.99)),
    ];
  });
  const about = VARIANTS.map(({ name, about }) => `- ${name}: ${about}`).join("\n");
  return `${markdownTable(HEADINGS, rows, 2)}\n\n${about}`;
}

/** The chart, as SVG. */
export function chartOfWrites(results: readonly WritesResult[]): string {
  const grouped = Map.groupBy(results, ({ load }) => nameOf(load));
  return barChart(
    "Rows a second, more is better",
    [...grouped].map(([heading, of]) => ({
      heading,
      bars: of.map((result) => {
        const value = median(result.rates);
        return {
          label: result.variant,
          value,
          text: `${whole(value)} (${Math.round(100 * (share(results, result) ?? NaN))} %)`,
          isOwn: result.variant.startsWith("tailpost"),
        };
      }),
    })),
    160,
  );
}
