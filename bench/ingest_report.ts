/** What a run of the ingest prints. Pure. */

import type { IngestResult } from "./ingest.ts";
import { markdownTable, milliseconds, percent, whole } from "./table.ts";

const HEADINGS = [
  "POST /api/logs",
  "requests/s",
  "logs/s",
  "p50",
  "p99",
  "rows an INSERT",
  "server CPU",
  "answered 201, missing after kill -9",
];

/** The table, as Markdown. */
export function formatIngest(results: readonly IngestResult[]): string {
  const table = markdownTable(
    HEADINGS,
    results.map(({ scenario, requests, logs, seconds, latency, perInsert, cpu, missing }) => [
      `${scenario.name}, ${scenario.connections} connections`,
      whole(requests / seconds),
      whole(logs / seconds),
      milliseconds(latency.percentile(0.5)),
      milliseconds(latency.percentile(0.99)),
      perInsert.toFixed(1),
      percent(cpu.server),
      whole(missing),
    ]),
  );
  const notes = results.flatMap(({ scenario, failed, requests, seconds }) => [
    ...(failed > 0 ? [`FAILED: ${whole(failed)} requests, ${scenario.name}`] : []),
    ...(requests / seconds < scenario.rate * 0.98
      ? [`Aim missed: ${whole(requests / seconds)} requests/s, aim ${whole(scenario.rate)}, ${scenario.name}`]
      : []),
  ]);
  return [table, ...notes].join("\n");
}
