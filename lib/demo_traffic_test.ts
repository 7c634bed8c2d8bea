import assert from "node:assert/strict";
import fc from "fast-check";
import { createTimeline } from "./demo_traffic/timeline.ts";
import {
  createTraffic,
  type DemoLog,
  runTraffic,
  seededRandom,
  SERVICES,
  TRAFFIC_BOUNDS,
  type TrafficOptions,
} from "./demo_traffic.ts";
import { isLevel, LEVELS } from "./log.ts";
import { parseLogs } from "./log_input.ts";

const START = Date.parse("2026-01-31T12:00:00.000Z");
const HOUR = 3_600_000;

/** What the traffic writes in so much time, stepping exactly when it asks to. */
function watch(duration: number, seed: number, options: TrafficOptions = {}): DemoLog[] {
  let time = START;
  const traffic = createTraffic({ random: seededRandom(seed), now: () => time, ...options });
  const logs: DemoLog[] = [];
  while (time < START + duration) {
    const step = traffic.step();
    logs.push(...step.logs);
    time += step.wait;
  }
  return logs;
}

const hour = watch(HOUR, 1);

/** Logs in each second. */
function perSecond(logs: readonly DemoLog[]): number[] {
  const counts = new Array<number>(HOUR / 1000).fill(0);
  for (const { timestamp } of logs) {
    const second = Math.floor((Date.parse(timestamp) - START) / 1000);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts.sort((a, b) => a - b);
}

Deno.test("createTraffic() tells the same story for the same seed, another for another", () => {
  const minute = watch(60_000, 5, { history: 100 });
  assert.deepEqual(watch(60_000, 5, { history: 100 }), minute);
  assert.notDeepEqual(watch(60_000, 6, { history: 100 }), minute);
});

Deno.test("createTraffic() gives logs that the contract accepts, in the order of their times", () => {
  assert.equal(parseLogs(hour).length, hour.length);
  let before = 0;
  for (const log of hour) {
    assert.ok(
      Object.keys(log).every((key) => ["message", "level", "service", "timestamp", "metadata"].includes(key)),
    );
    assert.ok(log.message.length > 0 && new TextEncoder().encode(log.message).length < 1 << 20);
    assert.ok(log.message.isWellFormed() && !log.message.includes("\0"));
    assert.ok(isLevel(log.level));
    assert.ok((SERVICES as readonly string[]).includes(log.service));
    assert.equal(new Date(log.timestamp).toISOString(), log.timestamp);
    assert.deepEqual(JSON.parse(JSON.stringify(log.metadata ?? {})), log.metadata ?? {});
    assert.ok(Date.parse(log.timestamp) >= before);
    before = Date.parse(log.timestamp);
  }
});

Deno.test("createTraffic() mixes levels and services as a shop does", () => {
  const share = (level: string) => 100 * hour.filter((log) => log.level === level).length / hour.length;
  const bounds = {
    trace: [7, 15],
    debug: [20, 32],
    info: [45, 62],
    warn: [4, 10],
    error: [1, 4],
    fatal: [0.001, 0.3],
  };
  for (const level of LEVELS) {
    const [least = 0, most = 0] = bounds[level];
    assert.ok(share(level) >= least && share(level) <= most, `${level}: ${share(level)} %`);
  }
  assert.deepEqual(new Set(hour.map((log) => log.service)), new Set(SERVICES));
});

Deno.test("createTraffic() is calm most of the time and has bursts", () => {
  const counts = perSecond(hour);
  const at = (quantile: number) => counts[Math.floor(quantile * counts.length)] ?? NaN;
  assert.ok(at(0.5) >= 5 && at(0.5) <= 15, `median ${at(0.5)}`);
  assert.ok(at(0.99) >= 80 && at(0.9999) <= 450, `99 % ${at(0.99)}, most ${at(0.9999)}`);
});

Deno.test("createTraffic() multiplies the rate", () => {
  const ratio = watch(HOUR / 4, 3, { rate: 3 }).length / watch(HOUR / 4, 3).length;
  assert.ok(ratio > 2 && ratio < 4, `${ratio}`);
});

Deno.test("createTraffic() ties the services of a request together by its id", () => {
  const services = new Map<unknown, Set<string>>();
  for (const { metadata, service, message } of hour) {
    if (typeof metadata?.requestId !== "string") continue;
    services.set(metadata.requestId, (services.get(metadata.requestId) ?? new Set()).add(service));
    assert.match(message.split("\n")[0] ?? "", new RegExp(`req=${metadata.requestId}$|^payload `, "u"));
  }
  assert.ok([...services.values()].some((set) => set.size >= 7));
  assert.ok([...services.values()].filter((set) => set.size > 1).length > services.size / 2);
});

Deno.test("createTraffic() shows a spike, a deploy and an incident within two minutes", () => {
  const messages = watch(120_000, 9).map((log) => log.message);
  for (const part of ["times the usual", "SIGTERM", "CLOSED -> OPEN", "HALF_OPEN -> CLOSED", "replaying"]) {
    assert.ok(messages.some((message) => message.includes(part)), part);
  }
});

Deno.test("createTraffic() writes what a viewer has to cope with", () => {
  const messages = hour.map((log) => log.message);
  const parts = [
    "Traceback",
    "at process.processTicks",
    "Caused by: ",
    "goroutine ",
    "急須",
    "حقيبة",
    "🎁",
    "größe",
  ];
  for (const part of parts) assert.ok(messages.some((message) => message.includes(part)), part);
  assert.ok(messages.some((message) => message.length > 15_000));
});

Deno.test("createTraffic() names only hosts and addresses that are kept for documentation", () => {
  for (const { message, metadata } of hour) {
    const text = message + JSON.stringify(metadata);
    for (const [mail] of text.matchAll(/[\w.]+@[\w.]+/gu)) assert.match(mail, /@example\.com/u);
    for (const [ip] of text.matchAll(/\b\d+\.\d+\.\d+\.\d+\b/gu)) {
      assert.match(ip, /^(192\.0\.2|198\.51\.100|203\.0\.113)\./u);
    }
  }
});

Deno.test("createTraffic() begins with the newest logs of the past", () => {
  const traffic = createTraffic({ random: seededRandom(4), now: () => START, history: 300 });
  const { logs } = traffic.step();
  assert.equal(logs.length, 300);
  assert.ok(logs.every((log) => Date.parse(log.timestamp) <= START));
  assert.ok(Date.parse(logs.at(-1)?.timestamp ?? "") > START - 5000);
  assert.equal(traffic.step().logs.length, 0);
  assert.equal(createTraffic({ now: () => START }).step().logs.length, 0);
});

Deno.test("createTraffic() makes nothing up for a clock that leaps", () => {
  let time = START;
  const traffic = createTraffic({ random: seededRandom(4), now: () => time });
  for (const leap of [8 * HOUR, -12 * HOUR, 1000 * HOUR]) {
    time += leap;
    const { logs, wait } = traffic.step();
    assert.ok(logs.length < 200, `${logs.length}`);
    assert.ok(wait >= 20 && wait <= 1000);
    let seen = 0;
    for (let step = 0; step < 200; step++, time += 50) seen += traffic.step().logs.length;
    assert.ok(seen > 20, `${seen} logs in the ten seconds after the leap`);
  }
});

Deno.test("createTraffic() gives no more than its bound at once", () => {
  let time = START;
  const traffic = createTraffic({ random: seededRandom(4), now: () => time, rate: 1e9 });
  for (let step = 0; step < 30; step++, time += 1000) {
    assert.ok(traffic.step().logs.length <= TRAFFIC_BOUNDS.stepLogs);
  }
});

Deno.test("createTimeline() gives entries by time, and by addition within a moment", () => {
  fc.assert(fc.property(fc.array(fc.nat(20), { maxLength: 60 }), fc.integer(), (times, by) => {
    const timeline = createTimeline<number>();
    times.forEach((time, index) => timeline.add(time, index));
    timeline.shift(by);
    const taken: (readonly [number, number])[] = [];
    for (let next = timeline.take(); next; next = timeline.take()) taken.push([next.at - by, next.entry]);
    assert.deepEqual(
      taken,
      times.map((time, index) => [time, index] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    );
    assert.equal(timeline.due, Infinity);
  }));
});

/** A clock that moves only by sleeping, and ends the run after so long. */
function fakeTime(duration: number) {
  const controller = new AbortController();
  const slept: number[] = [];
  let time = START;
  return {
    slept,
    signal: controller.signal,
    now: () => time,
    sleep: (milliseconds: number) => {
      slept.push(milliseconds);
      time += milliseconds;
      if (time >= START + duration) controller.abort();
      return Promise.resolve();
    },
  };
}

Deno.test("runTraffic() goes on after failing inserts, with the logs that failed", async () => {
  const time = fakeTime(60_000);
  const written: DemoLog[] = [];
  const errors: unknown[] = [];
  await runTraffic({
    ...time,
    seed: 1,
    history: 700,
    onError: (error) => errors.push(error),
    insert: (logs) => {
      assert.ok(logs.length > 0 && logs.length <= 500);
      const since = time.now() - START;
      if (since > 20_000 && since < 40_000) return Promise.reject(new Error("the database is restarting"));
      written.push(...logs);
      return Promise.resolve();
    },
  });
  assert.equal(errors.length, 1);
  assert.deepEqual(time.slept.filter((pause) => pause > 1000), [2000, 4000, 5000, 5000, 5000]);
  assert.deepEqual(written, [...new Set(written)]);
  const times = written.map((log) => Date.parse(log.timestamp));
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert.ok(
    times.some((at) => at > START + 25_000 && at < START + 35_000),
    "what happened meanwhile is written",
  );
  assert.ok(times.some((at) => at > START + 50_000));
});

Deno.test("runTraffic() keeps a bounded number of logs while inserts fail, the newest", async () => {
  const time = fakeTime(600_000);
  let oldest = 0;
  await runTraffic({
    ...time,
    seed: 1,
    rate: 20,
    insert: (logs) => {
      if (time.now() < START + 590_000) return Promise.reject(new Error("the database is gone"));
      oldest ||= Date.parse(logs[0]?.timestamp ?? "");
      return Promise.resolve();
    },
  });
  assert.ok(oldest > START + 550_000, "the oldest were given up");
});

Deno.test("runTraffic() stops on abort, be it asleep, inserting or not yet begun", async () => {
  const asleep = new AbortController();
  const inserted = Promise.withResolvers<void>();
  const run = runTraffic({
    signal: asleep.signal,
    seed: 1,
    insert: () => Promise.resolve(inserted.resolve()),
  });
  await inserted.promise;
  asleep.abort();
  await run;

  const inserting = new AbortController();
  const begun = Promise.withResolvers<void>();
  const hanging = runTraffic({
    signal: inserting.signal,
    seed: 1,
    insert: () => {
      begun.resolve();
      return new Promise(() => {});
    },
  });
  await begun.promise;
  inserting.abort();
  await hanging;

  await runTraffic({ signal: AbortSignal.abort(), insert: () => Promise.reject(new Error("never called")) });
});
