import assert from "node:assert/strict";
import { createLiveTail } from "./model.ts";
import type { Heard } from "./source.ts";

/** A browser without a window: an address with a history, frames and timers that the test runs. */
function setup(search = "") {
  const history = [search];
  const opened: string[] = [];
  let hear: (heard: Heard) => void = () => {};
  const frames: (() => void)[] = [];
  let timers: (() => void)[] = [];
  const tail = createLiveTail(search);
  const stop = tail.start({
    open(url, heard) {
      opened.push(url);
      hear = heard;
      return () => hear = () => {};
    },
    isUp: () => Promise.resolve(true),
    isSeen: () => true,
    heartbeat: 15_000,
    now: () => 0,
    random: () => 0,
    schedule(run) {
      timers.push(run);
      return () => timers = timers.filter((other) => other !== run);
    },
    address: {
      read: () => history.at(-1) ?? "",
      push: (next) => history.push(next),
      replace: (next) => history.splice(-1, 1, next),
    },
    frame: (run) => frames.push(run),
    skew: 0,
  });
  const send = (event: string, data: unknown) =>
    hear({ kind: "block", block: { event, data: JSON.stringify(data), id: null } });
  return {
    tail,
    stop,
    history,
    opened,
    ready: () => send("ready", { database: "connected", cursor: "1:1:" }),
    gap: (missed: number) =>
      send("gap", { missed, from: "2026-01-01T00:00:00.000Z", to: "2026-01-01T00:00:01.000Z" }),
    log: (id: number, service = "api") =>
      send("message", { id, timestamp: "2026-01-01T00:00:00.000Z", level: "error", service, message: "m" }),
    frame: () => frames.splice(0).forEach((run) => run()),
    rest: () => timers.splice(0).forEach((run) => run()),
  };
}

Deno.test("createLiveTail() shows what arrived once a frame, and a log that comes again but once", () => {
  const { tail, ready, log, frame, stop } = setup();
  ready();
  log(1, "web");
  log(2);
  log(1, "web");
  assert.equal(tail.list.value.rows.length, 0);
  frame();
  assert.deepEqual(tail.list.value.rows.map(({ key }) => key), ["1", "2"]);
  assert.deepEqual(tail.received.value, { logs: 2, errors: 2 });
  stop();
});

Deno.test("createLiveTail() makes one entry of the history of what is typed in a row", () => {
  const { tail, history, opened, rest, stop } = setup("?organizationId=2");
  for (const text of ["t", "ti"]) tail.filter.type(text);
  assert.equal(history.length, 1);
  rest();
  tail.filter.type("time");
  rest();
  assert.deepEqual(history, ["?organizationId=2", "?organizationId=2&q=time"]);
  tail.filter.set("level:error time");
  assert.equal(history.at(-1), "?organizationId=2&level=error&q=time");
  assert.deepEqual(opened.map((url) => new URL(url, "http://a").search), [
    "?organizationId=2&tail=200",
    "?q=ti&organizationId=2&tail=200",
    "?q=time&organizationId=2&tail=200",
    "?level=error&q=time&organizationId=2&tail=200",
  ]);
  stop();
});

Deno.test("createLiveTail() keeps the old rows until the new filter's stream answers", () => {
  const { tail, ready, log, frame, stop } = setup();
  ready();
  log(1);
  frame();
  tail.filter.set("level:error");
  assert.equal(tail.list.value.rows.length, 1);
  assert.equal(tail.settled.value, false);
  ready();
  assert.equal(tail.list.value.rows.length, 0);
  log(1);
  frame();
  assert.equal(tail.list.value.rows.length, 1);
  stop();
});

Deno.test("createLiveTail() opens no stream for a filter that it knows to be bad, and names the field", () => {
  const { tail, opened, history, stop } = setup("?level=loud");
  const problem = () => tail.problem.value?.path ?? null;
  assert.equal(opened.length, 0);
  assert.equal(problem(), "level");
  assert.equal(tail.connection.value.phase, "refused");
  tail.filter.set("level:info");
  assert.equal(problem(), null);
  assert.equal(opened.length, 1);
  history.pop();
  tail.moved();
  assert.equal(problem(), "level");
  stop();
});

Deno.test("createLiveTail() moved() follows the address without writing to it", () => {
  const { tail, history, opened, stop } = setup("?q=a");
  tail.filter.set("");
  assert.deepEqual(history, ["?q=a", ""]);
  history.pop();
  tail.moved();
  assert.equal(tail.filter.text.value, "a");
  assert.deepEqual(history, ["?q=a"]);
  assert.equal(opened.length, 3);
  tail.moved();
  assert.equal(opened.length, 3, "the stream of this address is open already");
  stop();
});

Deno.test("createLiveTail() goLive() ends pause and reading in one step", () => {
  const { tail, ready, log, frame, stop } = setup();
  ready();
  tail.follow(false);
  tail.pause(true);
  log(1);
  frame();
  assert.equal(tail.list.value.rows.length, 0);
  tail.goLive();
  assert.equal(tail.list.value.rows.length, 1);
  assert.equal(tail.paused.value || !tail.following.value, false);
  stop();
});

Deno.test("createLiveTail() shows one gap for one that came twice, also where no frame was between", () => {
  for (const framed of [true, false]) {
    const { tail, ready, gap, log, frame, stop } = setup();
    ready();
    gap(3);
    log(1);
    if (framed) frame();
    gap(5);
    frame();
    const shown = tail.list.value.rows.map((entry) => entry.kind === "gap" ? entry.gap.missed : entry.key);
    assert.deepEqual(shown, ["1", 5]);
    stop();
  }
});
