import assert from "node:assert/strict";
import type { Answer } from "./answer.ts";
import type { Heard } from "./source.ts";
import { createStream, LOST_PLACE, type StreamMessage } from "./stream.ts";

/** A stream of which the test is the server. */
class FakeSource {
  isClosed = false;
  constructor(readonly url: string, readonly hear: (heard: Heard) => void) {}
  event(event: string, data: unknown) {
    this.hear({ kind: "block", block: { event, data: JSON.stringify(data), id: null } });
  }
  id(id: string) {
    this.hear({ kind: "block", block: { event: "message", data: null, id } });
  }
  ready(cursor: string | null, database = "connected") {
    this.event("ready", { organizationId: 1, database, cursor });
  }
  log(id: number) {
    this.event("message", {
      id,
      timestamp: "2026-01-01T00:00:00.000Z",
      level: "info",
      service: "a",
      message: "m",
    });
  }
  beat() {
    this.hear({ kind: "alive" });
  }
  lose() {
    this.hear({ kind: "lost" });
  }
  answer(answer: Answer) {
    this.hear({ kind: "answer", answer });
  }
}

const HEARTBEAT = 15_000;

function setup() {
  const sources: FakeSource[] = [];
  const messages: StreamMessage[] = [];
  const timers = new Map<() => void, number>();
  let clock = 1000;
  const outside = { isUp: false, isSeen: true };
  const stream = createStream("/stream", {
    open(url, hear) {
      const source = new FakeSource(url, hear);
      sources.push(source);
      return () => source.isClosed = true;
    },
    isUp: () => Promise.resolve(outside.isUp),
    isSeen: () => outside.isSeen,
    heartbeat: HEARTBEAT,
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
    outside,
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
      for (const end = clock + milliseconds;;) {
        const [next] = [...timers].filter(([, at]) => at <= end).sort(([, a], [, b]) => a - b);
        if (!next) return clock = end;
        clock = next[1];
        timers.delete(next[0]);
        next[0]();
      }
    },
    /** Lets pending promises settle. */
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

Deno.test("createStream() resumes from the newest cursor after a lost connection, also from a lone id", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  test.source.lose();
  assert.deepEqual(test.state, { phase: "reconnecting", retryAt: 1250, reason: null });
  test.advance(250);
  assert.equal(test.source.url, "/stream?lastEventId=1%3A1%3A");
  test.source.ready("9:9:");
  test.source.lose();
  test.advance(10_000);
  assert.equal(
    test.source.url,
    "/stream?lastEventId=1%3A1%3A",
    "what `ready` says comes after what is caught up",
  );
  test.source.log(1);
  test.source.id("5:5:");
  test.source.lose();
  test.advance(10_000);
  assert.equal(test.source.url, "/stream?lastEventId=5%3A5%3A");
});

Deno.test("createStream() waits longer each time, and begins anew after it was live", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams("q=x"));
  test.source.ready("1:1:");
  test.source.id("7:9:8");
  const delays: number[] = [];
  let clock = 1000;
  for (let i = 0; i < 7; i++) {
    test.source.answer({ status: 502, retryAfter: null, problem: null });
    const { state } = test;
    assert.ok(state.phase === "reconnecting" && state.retryAt !== null);
    assert.equal(state.reason, "The server answered 502");
    delays.push(state.retryAt - clock);
    clock = state.retryAt;
    test.advance(delays.at(-1) ?? 0);
    assert.equal(test.source.url, "/stream?q=x&lastEventId=7%3A9%3A8");
  }
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 5000, 5000]);
  test.source.ready("9:9:");
  test.source.lose();
  assert.equal(test.state.phase === "reconnecting" && test.state.retryAt, clock + 250);
});

Deno.test("createStream() does not come before Retry-After, nor with all others at that moment", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.answer({
    status: 503,
    retryAfter: 2000,
    problem: { path: null, message: "The server is stopping" },
  });
  assert.deepEqual(test.state, { phase: "reconnecting", retryAt: 3250, reason: "The server is stopping" });
});

Deno.test("createStream() stops at a refusal and shows the server's words", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams("q=/(/"));
  test.source.answer(refusal("q", "Not a regular expression"));
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

Deno.test("createStream() drops a cursor that the server does not take, and says so in the list", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  test.source.id("2:2:");
  test.source.answer(refusal("lastEventId", "Not a cursor"));
  test.advance(10_000);
  assert.equal(test.source.url, "/stream?tail=200");
  test.source.ready("3:3:");
  // Another database may use the ids that the page has had for other logs.
  assert.deepEqual(test.messages.filter(({ kind }) => kind === "note" || kind === "reset").slice(1), [
    { kind: "reset" },
    { kind: "note", text: LOST_PLACE },
  ]);
});

Deno.test("createStream() gives up a stream that is silent for two and a half heartbeats", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  for (let i = 0; i < 5; i++) {
    test.advance(HEARTBEAT);
    test.source.beat();
  }
  assert.equal(test.sources.length, 1);
  test.advance(2.4 * HEARTBEAT);
  assert.equal(test.state.phase, "live");
  test.advance(0.2 * HEARTBEAT);
  assert.equal(test.sources[0]?.isClosed, true);
  assert.equal(test.source.url, "/stream?lastEventId=1%3A1%3A");
});

Deno.test("createStream() knows that something holds the stream back, from a first word that is late", async () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.advance(5000);
  await test.settle();
  assert.deepEqual(test.state, { phase: "connecting" }, "the server does not answer at all");
  test.outside.isUp = true;
  test.stream.connect(new URLSearchParams());
  test.advance(5000);
  await test.settle();
  assert.deepEqual(test.state, { phase: "connecting", isHeldBack: true });
  test.source.ready("1:1:");
  assert.deepEqual(test.state, { phase: "live", database: "connected" });
});

Deno.test("createStream() knows the same from streams that fall silent one after another", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  const fallSilent = () => {
    test.source.ready("1:1:");
    test.source.beat();
    test.advance(2.6 * HEARTBEAT);
  };
  fallSilent();
  assert.equal(test.state.isHeldBack, undefined, "once is an accident");
  fallSilent();
  assert.equal(test.state.isHeldBack, true);
  test.source.ready("1:1:");
  assert.equal(test.state.isHeldBack, true);
  test.advance(HEARTBEAT);
  test.source.beat();
  assert.deepEqual(test.state, { phase: "live", database: "connected" });
});

Deno.test("createStream() wake() tries at once where the connection was lost or slept through, and only there", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.stream.wake();
  assert.equal(test.sources.length, 1, "the first answer is still awaited");
  test.source.ready("1:1:");
  test.stream.wake();
  assert.equal(test.sources.length, 1, "the stream is open");
  test.source.lose();
  test.stream.wake();
  assert.equal(test.sources.length, 2);
  test.source.ready("1:1:");
  test.advance(1.6 * HEARTBEAT);
  test.stream.wake();
  assert.equal(test.sources.length, 3);
  assert.equal(test.sources[1]?.isClosed, true);
});

Deno.test("createStream() rests for other tabs until it is looked at, or in turns with those that are", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.ready("1:1:");
  test.outside.isSeen = false;
  test.source.hear({ kind: "rested" });
  assert.deepEqual(test.state, { phase: "resting" });
  test.advance(100_000);
  assert.equal(test.sources.length, 1);
  test.stream.wake();
  assert.equal(test.source.url, "/stream?lastEventId=1%3A1%3A");
  test.source.ready("1:1:");
  test.outside.isSeen = true;
  test.source.hear({ kind: "rested" });
  test.advance(3000);
  assert.equal(test.sources.length, 3);
  test.source.ready("1:1:");
  test.source.hear({ kind: "moved" });
  test.advance(300);
  assert.equal(test.sources.length, 4, "a tab that had the stream for others has gone");
  assert.equal(test.state.phase, "live", "which nobody needs to know");
});

Deno.test("createStream() connect() starts over: no old cursor, and nothing from the old source", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  const old = test.source;
  old.ready("1:1:");
  old.id("2:2:");
  test.stream.connect(new URLSearchParams("level=warn"));
  assert.equal(old.isClosed, true);
  assert.equal(test.source.url, "/stream?level=warn&tail=200");
  const before = test.messages.length;
  old.log(2);
  assert.equal(test.messages.length, before);
});

Deno.test("createStream() close() leaves nothing behind", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.lose();
  test.stream.close();
  assert.equal(test.timers.size, 0);
  test.stream.connect(new URLSearchParams());
  test.stream.close();
  assert.equal(test.timers.size, 0);
  assert.equal(test.source.isClosed, true);
});

Deno.test("createStream() says when something is not as agreed, instead of failing", () => {
  const test = setup();
  test.stream.connect(new URLSearchParams());
  test.source.event("message", { id: "one" });
  test.source.event("unheard of", {});
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
  test.source.log(1);
  test.source.id("5:5:");
  test.source.event("gap", gap(3));
  test.source.log(2);
  test.source.lose();
  test.advance(10_000);
  test.source.ready("5:5:");
  test.source.event("gap", gap(4));
  test.source.log(3);
  test.source.id("9:9:");
  test.source.event("gap", gap(7));
  const gaps = test.messages.flatMap((message) =>
    message.kind === "gap" ? [[message.gap.missed, message.again]] : []
  );
  assert.deepEqual(gaps, [[3, false], [4, true], [7, false]]);
});
