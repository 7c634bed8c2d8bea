import assert from "node:assert/strict";
import { Histogram } from "./stats.ts";
import type { Variant, WritesResult } from "./writes.ts";
import { chartOfWrites, formatWrites, median, share } from "./writes_report.ts";

function result(variant: Variant, rates: readonly number[], writers = 16): WritesResult {
  const latency = new Histogram();
  for (const value of [1000, 2000, 3000]) latency.add(value);
  return { variant, load: { writers, rows: 1 }, rates, latency };
}

Deno.test("median() is that of the runs", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

Deno.test("formatWrites() says what is left of what no trigger makes, under the same load", () => {
  const results = [
    result("no trigger", [9000, 10_000, 50_000]),
    result("row trigger", [2000, 2500, 3000]),
    result("no trigger", [1000], 1),
    result("row trigger", [900], 1),
  ];
  const table = formatWrites(results).split("\n");
  assert.match(table[2] ?? "", /^\| 16 writers, 1 row an INSERT +\| no trigger +\| +10,000 \| +100 % \|/u);
  assert.match(table[3] ?? "", /\| row trigger +\| +2,500 \| +25 % \| +2\.0 ms \| +3\.0 ms \|$/u);
  assert.match(table[5] ?? "", /^\| 1 writer, 1 row an INSERT .* 900 \| +90 %/u);
  const lone = result("row trigger", [5]);
  assert.equal(share([lone], lone), undefined);
  assert.match(formatWrites([lone]), /n\/a/u);
});

Deno.test("chartOfWrites() has a bar for each, under the heading of its load", () => {
  const svg = chartOfWrites([result("no trigger", [10]), result("tailpost wal, watched", [5])]);
  assert.match(svg, /16 writers, 1 row an INSERT/u);
  assert.match(svg, /<rect class="own"[^]*5 \(50 %\)/u);
});
