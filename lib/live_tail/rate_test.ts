import assert from "node:assert/strict";
import { LEVELS, type Log } from "../log.ts";
import { createRate, type RateSeries } from "./rate.ts";

const NOW = Date.parse("2026-01-31T12:00:00.500Z");
const log = (id: number, secondsAgo: number, level: Log["level"] = "info"): Log => ({
  id,
  level,
  timestamp: new Date(NOW - secondsAgo * 1000).toISOString(),
  service: "a",
  message: "m",
});
const sum = ({ counts }: RateSeries, level: Log["level"]) =>
  counts[LEVELS.indexOf(level)]?.reduce((all, n) => all + n, 0);

/** The server, which answers when it is told to. */
function server() {
  const asked: URL[] = [];
  let answer = (_body: unknown) => {};
  const original = globalThis.fetch;
  globalThis.fetch = (input) => {
    asked.push(new URL(String(input), "http://a"));
    const { promise, resolve } = Promise.withResolvers<Response>();
    answer = (body) => resolve(new Response(JSON.stringify(body), { status: body === null ? 500 : 200 }));
    return promise;
  };
  return {
    asked,
    answer: (body: unknown) => answer(body),
    [Symbol.dispose]: () => {
      globalThis.fetch = original;
    },
  };
}

Deno.test("createRate() adds what came to what the server counted, each log once", async () => {
  using world = server();
  const rate = createRate();
  const loading = rate.load(new URLSearchParams("q=x&fields=a"), 5, NOW);
  const query = world.asked[0]?.searchParams;
  assert.equal(query?.get("q"), "x");
  assert.equal(query?.has("fields"), false);
  const [from, to] = [Number(query?.get("from")), Number(query?.get("to"))];
  assert.equal(to - from, 300_000);
  assert.ok(to > NOW);
  // Came before the answer: one is in it already, the other is newer.
  rate.add(log(10, 3));
  rate.add(log(12, 2, "error"));
  const numbers = Array.from({ length: 150 }, (_, i) => i === 149 ? 4 : 0);
  world.answer({ from, to, step: 2000, levels: { info: numbers }, partial: false, since: null, last: 11 });
  await loading;
  rate.add(log(13, 0, "error"));
  rate.add(log(9, 0));
  const series = rate.read(NOW);
  assert.equal(series.times.length, 150);
  assert.equal(series.times.at(-1), Math.floor(NOW / 2000) * 2000);
  assert.equal(sum(series, "info"), 4);
  assert.equal(sum(series, "error"), 2);
  assert.equal(series.counts[LEVELS.indexOf("info")]?.at(-1), 4, "the last bar is the server's last");
  assert.equal(sum(rate.read(NOW + 295_000), "error"), 2);
  assert.equal(sum(rate.read(NOW + 301_000), "error"), 0, "bars go with their time");
});

Deno.test("createRate() counts what comes where the server does not answer, and says since when", async () => {
  using world = server();
  const rate = createRate();
  const loading = rate.load(new URLSearchParams(), 15, NOW);
  rate.add(log(1, 1));
  world.answer(null);
  await loading;
  assert.equal(sum(rate.read(NOW), "info"), 1);
  assert.equal(rate.since.value, NOW);
});

Deno.test("createRate() load() gives up the load before", async () => {
  using world = server();
  const rate = createRate();
  const first = rate.load(new URLSearchParams("q=a"), 5, NOW);
  const tellFirst = world.answer;
  const second = rate.load(new URLSearchParams("q=b"), 5, NOW);
  world.answer({ from: NOW, levels: { info: [1] }, last: 1, since: 5 });
  await second;
  tellFirst({ from: NOW, levels: { error: [9] }, last: 1 });
  rate.stop();
  assert.equal(sum(rate.read(NOW), "error"), 0);
  assert.equal(rate.since.value, 5);
  void first;
});
