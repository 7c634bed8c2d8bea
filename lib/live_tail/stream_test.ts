import assert from "node:assert/strict";
import type { Answer } from "./answer.ts";
import { createStream, LOST_PLACE, type SourceEvent, type StreamMessage } from "./stream.ts";

const [CONNECTING, OPEN, CLOSED] = [0, 1, 2];

/** An EventSource of which the test is the server. */
class FakeSource {
  readyState = CONNECTING;
  readonly #listeners = new Map<string, (event: SourceEvent) => void>();
  constructor(readonly url: string) {}
  addEventListener(type: string, listener: (event: SourceEvent) => void) {
    this.#listeners.set(type, listener);
  }
  close() {
    this.readyState = CLOSED;
  }
  event(type: string, data: unknown, lastEventId = "") {
    this.readyState = OPEN;
    this.#listeners.get(type)?.({ data: JSON.stringify(data), lastEventId });
  }
  ready(cursor: string | null, database = "connected") {
    this.event("ready", { organizationId: 1, database, cursor });
  }
  log(id: number, lastEventId = "") {
    this.event("message", {
      id,
      timestamp: "2026-01-01T00:00:00.000Z",
      level: "info",
      service: "a",
      message: "m",
    }, lastEventId);
  }
  fail(readyState: number) {
    this.readyState = readyState;
    this.#listeners.get("error")?.({});
  }
}

function setup() {
  const sources: FakeSource[] = [];
  const messages: StreamMessage[] = [];
  const timers = new Map<() => void, number>();
  let clock = 1000;
  let answer: Answer | null = null;
  const stream = createStream("/stream", {
    open(url) {
      const source = new FakeSource(url);
      sources.push(source);
      return source;
    },
    probe: () => answer ? Promise.resolve(answer) : Promise.reject(new TypeError("No network")),
    now: () => clock,
    random: () => 0.5,
    schedule(run, milliseconds) {
      timers.set(run, clock + milliseconds);
      return () => timers.delete(run);
    },
  }, (message) => messages.push(message));
  return {
    stream,
    sources,
    messages,
    timers,
    answers: (next: Answer | null) => answer = next,
    get source() {
      const source = sources.at(-1);
      assert.ok(source);
      return source;
    },
    get state() {
      const last = messages.findLast((message) => message.kind === "connection");
      assert.ok(last?.kind === "connection");
      return last.connection;
    },
    advance(milliseconds: number) {
      clock += milliseconds;
      for (const [run, at] of [...timers]) {
        if (at <= clock && timers.delete(run)) run();
      }
    },
    /** Lets pending promises settle: the probe has three steps. */
    async settle() {
      for (let i = 0; i < 5; i++) await Promise.resolve();
    },
  };
}

const refusal = (path: string | null, message: string, status = 400): Answer => ({
  status,
  retryAfter: null,
  problem: { path, message },
});

Deno.test("createStream() opens with a tail and is live once the server says ready", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams("level=error"));
  assert.equal(test.source.url, "/stream?level=error&tail=200");
  assert.deepEqual(test.state, { phase: "connecting" });
  test.source.ready("1:1:");
  assert.deepEqual(test.state, { phase: "live", database: "connected" });
  assert.equal(test.messages.filter(({ kind }) => kind === "reset").length, 1);
});

Deno.test("createStream() tells when the database goes and returns", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready(null, "reconnecting");
  assert.deepEqual(test.state, { phase: "live", database: "reconnecting" });
  const problem = { code: "standby", message: "m" };
  test.source.event("status", { database: "connected", problem });
  assert.deepEqual(test.state, { phase: "live", database: "connected", problem });
  test.source.event("status", { database: "reconnecting", problem: { code: 1 } });
  assert.deepEqual(test.state, { phase: "live", database: "reconnecting" });
  test.source.event("status", { database: "connected" });
  assert.deepEqual(test.state, { phase: "live", database: "connected" });
});

Deno.test("createStream() leaves network errors to the browser, which knows the newest cursor", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  test.source.log(1, "5:5:");
  test.source.fail(CONNECTING);
  assert.deepEqual(test.state, { phase: "reconnecting", retryAt: null, reason: null });
  assert.equal(test.sources.length, 1);
  assert.equal(test.timers.size, 0);
  test.source.ready("5:5:");
  assert.equal(test.state.phase, "live");
});

Deno.test("createStream() resumes by itself where the browser has seen no id and would begin anew", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  test.source.fail(CONNECTING);
  assert.deepEqual(test.state, { phase: "reconnecting", retryAt: 1250, reason: null });
  test.advance(250);
  assert.equal(test.source.url, "/stream?lastEventId=1%3A1%3A");
});

Deno.test("createStream() reopens with backoff and the newest cursor after the browser gave up", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams("q=x"));
  test.source.ready("1:1:");
  test.source.log(1);
  test.source.log(2, "7:9:8");
  const delays: number[] = [];
  test.answers({ status: 502, retryAfter: null, problem: null });
  for (let i = 0; i < 7; i++) {
    test.source.fail(CLOSED);
    await test.settle();
    const { state } = test;
    assert.ok(state.phase === "reconnecting" && state.retryAt !== null);
    assert.equal(state.reason, "The server answered 502");
    const delay = state.retryAt - (1000 + delays.reduce((a, b) => a + b, 0));
    delays.push(delay);
    test.advance(delay);
    assert.equal(test.source.url, "/stream?q=x&lastEventId=7%3A9%3A8");
  }
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 5000, 5000]);
  test.source.ready("9:9:");
  test.source.fail(CLOSED);
  await test.settle();
  assert.equal(test.state.phase === "reconnecting" && test.timers.size, 1);
});

Deno.test("createStream() does not come before Retry-After, nor with all others at that moment", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.answers({ status: 503, retryAfter: 2000, problem: { path: null, message: "The server is stopping" } });
  test.source.fail(CLOSED);
  await test.settle();
  assert.deepEqual(test.state, { phase: "reconnecting", retryAt: 3250, reason: "The server is stopping" });
});

Deno.test("createStream() stops at a refusal and shows the server's words", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams("q=/(/"));
  test.answers(refusal("q", "Not a regular expression"));
  test.source.fail(CLOSED);
  await test.settle();
  assert.deepEqual(test.state, {
    phase: "refused",
    status: 400,
    problem: { path: "q", message: "Not a regular expression" },
  });
  assert.equal(test.timers.size, 0);
  // What another filter showed must not stand under this one.
  assert.equal(test.messages.some(({ kind }) => kind === "reset"), true);
  test.stream.retry();
  assert.equal(test.sources.length, 2);
});

Deno.test("createStream() drops a cursor that the server does not take, and says so in the list", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  test.source.log(1, "2:2:");
  test.answers(refusal("lastEventId", "Not a cursor"));
  test.source.fail(CLOSED);
  await test.settle();
  test.advance(10_000);
  assert.equal(test.source.url, "/stream?tail=200");
  test.source.ready("3:3:");
  // Another database may use the ids that the page has had for other logs.
  assert.deepEqual(test.messages.filter(({ kind }) => kind === "note" || kind === "reset").slice(1), [
    { kind: "reset" },
    { kind: "note", text: LOST_PLACE },
  ]);
});

Deno.test("createStream() wake() tries at once where the connection was lost, and only there", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.stream.wake();
  assert.equal(test.sources.length, 1, "the first answer is still awaited");
  test.source.ready("1:1:");
  test.stream.wake();
  assert.equal(test.sources.length, 1, "the stream is open");
  test.source.fail(CLOSED);
  await test.settle();
  test.stream.wake();
  assert.equal(test.sources.length, 2);
  assert.equal(test.timers.size, 0);
});

Deno.test("createStream() connect() starts over: no old cursor, and nothing from the old source", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  const old = test.source;
  old.ready("1:1:");
  old.log(1, "2:2:");
  test.stream.connect(new URLSearchParams("level=warn"));
  assert.equal(old.readyState, CLOSED);
  assert.equal(test.source.url, "/stream?level=warn&tail=200");
  const before = test.messages.length;
  old.log(2);
  assert.equal(test.messages.length, before);
});

Deno.test("createStream() close() leaves nothing behind", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.fail(CLOSED);
  test.stream.close();
  await test.settle();
  assert.equal(test.timers.size, 0);
  assert.equal(test.source.readyState, CLOSED);
});

Deno.test("createStream() says when something is not as agreed, instead of failing", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.event("message", { id: "one" });
  test.source.event("gap", { missed: 3, from: "2026-01-01T00:00:00.000Z", to: "2026-01-01T00:00:01.000Z" });
  assert.deepEqual(test.messages.slice(-2).map(({ kind }) => kind), ["note", "gap"]);
});

Deno.test("createStream() says that a gap comes again when its logs were cut off before the next cursor", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  const gap = (missed: number) => ({
    missed,
    from: "2026-01-01T00:00:00.000Z",
    to: "2026-01-01T00:00:01.000Z",
  });
  test.source.ready("1:1:");
  test.source.log(1, "5:5:");
  test.source.event("gap", gap(3), "5:5:");
  test.source.log(2, "5:5:");
  test.source.fail(CONNECTING);
  test.source.event("ready", { organizationId: 1, database: "connected", cursor: "5:5:" }, "5:5:");
  test.source.event("gap", gap(4), "5:5:");
  test.source.log(3, "9:9:");
  test.source.event("gap", gap(7), "9:9:");
  const gaps = test.messages.flatMap((message) =>
    message.kind === "gap" ? [[message.gap.missed, message.again]] : []
  );
  assert.deepEqual(gaps, [[3, false], [4, true], [7, false]]);
});
