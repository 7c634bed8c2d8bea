import assert from "node:assert/strict";
import { cpuOfFamily, cpuOfMachine, parentOf, usageOf } from "./proc.ts";
import { formatIngest } from "./ingest_report.ts";
import { efficiency, formatNotes, formatTable, isLossless } from "./report.ts";
import type { Result } from "./run_scenario.ts";
import { checkScenario, QUICK, type Scenario, SCENARIOS } from "./scenarios.ts";
import { Histogram } from "./stats.ts";
import { chartsOf } from "./write_report.ts";

const scenario: Scenario = {
  name: "test",
  viewers: 2,
  rate: 5,
  rows: 1,
  seconds: 1,
  stalled: 0,
  warmup: 0,
  filters: 0,
  others: "same",
  aims: { p50: 15, cpu: 30 },
};

function resultOf(changes: Partial<Result> = {}): Result {
  const latency = new Histogram();
  for (let count = 0; count < 10; count++) latency.add(3000);
  return {
    committed: 5,
    failed: 0,
    expected: 10,
    delivered: 10,
    repeated: 0,
    ended: 0,
    latency,
    roundTrip: latency,
    lateness: latency,
    clockError: 50,
    seconds: 1,
    cpu: { server: 10, postgres: 2, viewers: 8, bench: 1, machine: 25 },
    rss: { server: 150e6, viewer: 30e3 },
    querying: undefined,
    ...changes,
  };
}

function notesOf(changes: Partial<Result>): string {
  return formatNotes({ target: "tailpost", scenario, result: resultOf(changes) }).join("\n");
}

Deno.test("isLossless() holds only when everything committed came exactly once, on streams that lasted", () => {
  assert.ok(isLossless(resultOf()));
  for (
    const change of [{ delivered: 9 }, { delivered: 11 }, { repeated: 1 }, { ended: 1 }, { failed: 1 }, {
      expected: 0,
    }]
  ) {
    assert.ok(!isLossless(resultOf(change)), JSON.stringify(change));
  }
});

Deno.test("formatTable() has a line for each row, all as wide", () => {
  const result = resultOf({
    cpu: { ...resultOf().cpu, server: undefined },
    rss: { server: undefined, viewer: undefined },
  });
  const lines = formatTable([{ target: "tailpost", scenario, result }, {
    target: "other",
    scenario,
    result: resultOf(),
  }])
    .split("\n");
  assert.equal(lines.length, 4);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(
    lines[2] ?? "",
    /\| +10 \/ 10 \| +3\.0 ms \|.* n\/a \| +n\/a \| +\| +n\/a \| +n\/a \| +2\.0 % \|$/u,
  );
  assert.match(lines[3] ?? "", /\| +10\.0 % \| +100 \|/u);
});

Deno.test("formatTable() puts programs under the same load together, and says how much better the first is", () => {
  const row = (target: string, rate: number, server: number) => ({
    target,
    scenario: { ...scenario, rate },
    result: resultOf({ cpu: { ...resultOf().cpu, server } }),
  });
  const rows = [row("tailpost", 5, 10), row("other", 2, 50)];
  assert.equal(efficiency(rows[1]!), 20);
  const [, , own = "", other = ""] = formatTable(rows).split("\n");
  assert.match(own, /^\| test +\| tailpost \|/u);
  assert.match(other, /^\| test: at most 2 \| other +\|.*\| +5\.0x \|/u);
  const charts = chartsOf(rows);
  assert.match(charts.get("bench-efficiency.svg") ?? "", /20 \(at 2 logs\/s\)/u);
  assert.match(charts.get("bench-latency.svg") ?? "", /3\.0 ms/u);
});

Deno.test("formatIngest() says what failed and how far it stayed behind", () => {
  const text = formatIngest([{
    scenario: { name: "one", connections: 2, logsPerRequest: 1, rate: 100 },
    seconds: 2,
    requests: 100,
    logs: 100,
    failed: 1,
    missing: 0,
    perInsert: 2.5,
    latency: resultOf().latency,
    cpu: { server: 50, senders: 20 },
  }]);
  assert.match(
    text,
    /\| one, 2 connections \| +50 \| +50 \| 3\.0 ms \| 3\.0 ms \| +2\.5 \| +50\.0 % \| +0 \|/u,
  );
  assert.match(text, /FAILED: 1 requests, one\nAim missed: 50 requests\/s, aim 100, one/u);
});

Deno.test("formatNotes() says what was lost, what is doubtful and which aims were missed", () => {
  const slow = new Histogram();
  slow.add(25_000);
  assert.doesNotMatch(notesOf({}), /LOST|DOUBT|missed/u);
  assert.match(notesOf({}), /All aims met/u);
  assert.match(notesOf({ delivered: 7 }), /LOST: 3 deliveries/u);
  assert.match(notesOf({ lateness: slow }), /DOUBT: the load generator/u);
  assert.match(notesOf({ cpu: { ...resultOf().cpu, machine: 90 } }), /DOUBT: other programs/u);
  assert.match(notesOf({ clockError: 2000 }), /DOUBT: the clocks/u);
  assert.match(notesOf({ latency: slow }), /Aim missed: p50 25\.0 ms, aim under 15 ms/u);
});

Deno.test("checkScenario() takes the listed scenarios and no unbounded one", () => {
  for (const listed of [...SCENARIOS, ...QUICK]) checkScenario(listed);
  const seconds = QUICK.reduce((sum, { seconds, warmup }) => sum + seconds + warmup, 0);
  assert.ok(QUICK.length > 0 && seconds <= 60, `${seconds}`);
  for (
    const change of [{ viewers: 0 }, { viewers: NaN }, { rate: 1.5 }, { seconds: 1e9 }, {
      viewers: 20_000,
      rate: 5000,
      seconds: 9,
    }]
  ) {
    assert.throws(() => checkScenario({ ...scenario, ...change }), RangeError, JSON.stringify(change));
  }
});

Deno.test("usageOf() reads /proc", { ignore: Deno.build.os !== "linux" }, () => {
  const usage = usageOf(Deno.pid);
  assert.ok(usage && usage.rss > 10e6 && usage.cpu >= 0);
  assert.equal(parentOf(Deno.pid), Deno.ppid);
  assert.ok((cpuOfFamily(Deno.pid) ?? -1) >= usage.cpu);
  assert.ok((cpuOfMachine() ?? 0) > 0);
  assert.equal(usageOf(2 ** 30), undefined);
});
