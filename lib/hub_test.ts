import assert from "node:assert/strict";
import { asked } from "./cursor.ts";
import { FilterError } from "./filter.ts";
import { HubFullError } from "./hub.ts";
import { type TestHub, testHub, type TestViewer } from "./hub/_testing.ts";

/** Waits until every viewer was sent a log that is inserted now, and gives their chunks since `before`. */
async function mark({ database, clock }: TestHub, viewers: readonly TestViewer[], message = "mark") {
  database.insert(message);
  clock.advance(20);
  for (const viewer of viewers) await viewer.untilLog(message);
}

const text = (chunk: Uint8Array | undefined) => new TextDecoder().decode(chunk);

Deno.test("createHub() opens a stream with the retry time, and says ready with a cursor", async () => {
  await using test = testHub({ retry: 1234 });
  const { database, open } = test;
  const viewer = open();
  await viewer.untilReady();
  assert.ok(text(viewer.chunks[0]).startsWith("retry: 1234\n: connected\n\n"));
  assert.deepEqual(viewer.said, [
    { kind: "ready", organizationId: 1, database: "connected", cursor: asked(database.snapshot()) },
  ]);
  assert.deepEqual([...database.watched], [1]);
});

Deno.test("createHub() sends the first log at once, and those that follow within the interval together", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  clock.advance(100);
  database.insert("a");
  await viewer.untilLog("a"); // Without any time that passes.
  const before = viewer.chunks.length;
  for (const message of ["b", "c", "d"]) database.insert(message);
  clock.advance(19);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(viewer.chunks.length, before);
  clock.advance(1);
  await viewer.untilLog("d");
  assert.equal(viewer.chunks.length, before + 1);
  assert.deepEqual(viewer.messages, ["a", "b", "c", "d"]);
  clock.advance(20);
  database.insert("e");
  await viewer.untilLog("e");
});

Deno.test("createHub() sends logs of one moment in one chunk, and the cursor after them", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  clock.advance(100);
  const before = viewer.said.length;
  database.insert("a", "b");
  database.insert("c");
  await viewer.untilLog("c");
  assert.deepEqual(viewer.said.slice(before).map(({ kind }) => kind), ["log", "log", "log", "cursor"]);
});

Deno.test("createHub() encodes a log once, and a chunk once for all viewers of a filter", async () => {
  await using test = testHub();
  const { database, open } = test;
  const all = [open(), open(), open()];
  const errors = [open("level=error"), open("level=error")];
  const other = [open("level=error,fatal")];
  for (const viewer of [...all, ...errors, ...other]) await viewer.untilReady();
  await mark(test, all);

  const stringify = JSON.stringify;
  let encoded = 0;
  JSON.stringify = ((value: unknown, ...rest: []) => {
    if (typeof value === "object" && value !== null && "message" in value) encoded++;
    return stringify(value, ...rest);
  }) as typeof JSON.stringify;
  try {
    database.insert({ message: "boom", level: "error" });
    test.clock.advance(20);
    for (const viewer of [...all, ...errors, ...other]) await viewer.untilLog("boom");
  } finally {
    JSON.stringify = stringify;
  }
  assert.equal(encoded, 1);
  const last = (viewer: TestViewer | undefined) => viewer?.chunks.at(-1);
  assert.ok(all.every((viewer) => last(viewer) === last(all[0])), "the very same bytes");
  assert.ok(last(errors[0]) === last(errors[1]));
  assert.ok(last(errors[0]) !== last(all[0]));
});

Deno.test("createHub() sends each viewer what its filter lets through, and nothing of other organizations", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewers = {
    "": open(),
    "level=error": open("level=error"),
    "service=web,a\\,b": open("service=web,a\\,b"),
    "q=TIME": open("q=TIME"),
    "q=/^t.m/&not=out": open("q=/^t.m/&not=out"),
  };
  const stranger = open("", { organizationId: 2 });
  for (const viewer of [...Object.values(viewers), stranger]) await viewer.untilReady();
  database.insert({ message: "one", level: "error" });
  database.insert({ message: "two", service: "web" }, { message: "three", service: "a,b" });
  database.insert("time out", "timer");
  database.insert({ message: "theirs", organizationId: 2 });
  database.insert({ message: "time's up", level: "error", service: "web" });
  clock.advance(20);
  for (const viewer of Object.values(viewers)) await viewer.untilLog("time's up");
  await stranger.untilLog("theirs");
  assert.deepEqual(
    Object.fromEntries(Object.entries(viewers).map(([key, { messages }]) => [key, messages])),
    {
      "": ["one", "two", "three", "time out", "timer", "time's up"],
      "level=error": ["one", "time's up"],
      "service=web,a\\,b": ["two", "three", "time's up"],
      "q=TIME": ["time out", "timer", "time's up"],
      "q=/^t.m/&not=out": ["timer", "time's up"],
    },
  );
  assert.deepEqual(stranger.messages, ["theirs"]);
});

Deno.test("createHub() says nothing of a transaction that is rolled back", async () => {
  await using test = testHub();
  const { database, open } = test;
  const viewer = open();
  await viewer.untilReady();
  const tx = database.begin();
  tx.insert("never");
  tx.rollback();
  await mark(test, [viewer]);
  assert.deepEqual(viewer.messages, ["mark"]);
});

Deno.test("createHub() counts what it does", async () => {
  await using test = testHub();
  const { hub, open } = test;
  const viewers = [open(), open(), open("level=error")];
  for (const viewer of viewers) await viewer.untilReady();
  await mark(test, viewers.slice(0, 2));
  hub.notified(1, "junk");
  assert.deepEqual(hub.counts, {
    notifications: 2,
    malformed: 1,
    fetches: 0,
    logs: 1,
    sent: 2,
    viewers: 3,
    subscriptions: 3,
  });
});

Deno.test("createHub() goes on after payloads that no trigger wrote, and for organizations nobody watches", async () => {
  await using test = testHub();
  const { hub, errors, open } = test;
  const viewer = open();
  await viewer.untilReady();
  hub.notified(1, "junk");
  hub.notified(1, '{"s":"1:2:\\n\\ndata: forged","logs":[]}');
  hub.notified(9, '{"s":"1:2:","logs":[]}');
  hub.listening(9, true);
  await mark(test, [viewer]);
  assert.deepEqual(viewer.messages, ["mark"]);
  assert.equal(errors.length, 2);
});

Deno.test("createHub() writes heartbeats, with the cursor where it has moved unseen", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const all = open();
  const errors = open("level=error");
  await Promise.all([all.untilReady(), errors.untilReady()]);
  await mark(test, [all]);
  assert.equal(errors.cursor, null);
  clock.advance(15_000);
  const beats = (viewer: TestViewer) => viewer.said.filter(({ kind }) => kind === "heartbeat").length;
  await errors.until((viewer) => beats(viewer) === 1);
  await all.until((viewer) => beats(viewer) === 1);
  assert.equal(errors.cursor, all.cursor);
  assert.deepEqual(errors.said.slice(-2).map(({ kind }) => kind), ["cursor", "heartbeat"]);
  clock.advance(15_000);
  await errors.until((viewer) => beats(viewer) === 2);
  assert.equal(errors.said.filter(({ kind }) => kind === "cursor").length, 1, "said once");
  assert.equal(database.asked.join(), "snapshot", "no query while idle");
});

Deno.test("createHub() sends heartbeats before the database was ever there", async () => {
  await using test = testHub();
  const { hub, clock, open } = test;
  hub.disconnected("away");
  const viewer = open("", { organizationId: 5 });
  clock.advance(15_000);
  await viewer.until(({ said }) => said.some(({ kind }) => kind === "heartbeat"));
  assert.deepEqual(viewer.states, ["reconnecting"]);
});

Deno.test("createHub() refuses viewers over its bound, and filters that do not compile, without counting them", async () => {
  await using test = testHub({ maxViewers: 2 });
  const { hub, open } = test;
  assert.throws(() => open("q=/(/"), FilterError);
  const first = open();
  open();
  assert.throws(() => open(), HubFullError);
  assert.equal(hub.counts.viewers, 2);
  await first.leave();
  assert.equal(hub.counts.viewers, 1);
  open();
  assert.throws(() => open(), HubFullError);
});

Deno.test("createHub() forgets a filter with its last viewer, and an organization some time after", async () => {
  await using test = testHub({ linger: 1000 });
  const { hub, database, clock, open } = test;
  const one = open("q=a");
  const two = open("q=a");
  await Promise.all([one.untilReady(), two.untilReady()]);
  await one.leave();
  clock.advance(5000);
  assert.ok(database.watched.has(1), "one is still there");
  await two.leave();
  assert.equal(hub.counts.viewers, 0);
  clock.advance(999);
  assert.ok(database.watched.has(1));
  const back = open();
  await back.untilReady();
  clock.advance(5000);
  assert.ok(database.watched.has(1), "somebody came back in time");
  await back.leave();
  clock.advance(1000);
  assert.ok(!database.watched.has(1));
  database.insert("unheard");
  const again = open("", { tail: 10 });
  await again.untilLog("unheard");
  await mark(test, [again]);
  assert.deepEqual(again.messages, ["unheard", "mark"]);
});

Deno.test("createHub() ends a stream whose signal aborts or whose lifetime is over, and no other", async () => {
  const test = testHub();
  const { hub, clock, open } = test;
  const grant = new AbortController();
  const granted = [open("", { signal: grant.signal }), open("", { signal: grant.signal, lifetime: 60_000 })];
  const short = open("", { lifetime: 1000 });
  const gone = open("", { signal: AbortSignal.abort() });
  const staying = open();
  await gone.until(({ ended }) => ended);
  await staying.untilReady();
  clock.advance(999);
  assert.equal(hub.counts.viewers, 4);
  clock.advance(1);
  await short.until(({ ended }) => ended);
  grant.abort();
  for (const viewer of granted) await viewer.until(({ ended }) => ended);
  await mark(test, [staying]);
  assert.equal(hub.counts.viewers, 1);
  hub.close();
  assert.equal(clock.pending, 0);
});

Deno.test("createHub() ends every stream when it closes, takes no more, and leaves no timer", async () => {
  const test = testHub();
  const { hub, database, clock, open } = test;
  const viewers = [open(), open("level=error"), open("", { tail: 5 }), open("", { organizationId: 2 })];
  const silent = open("", { reads: false });
  await viewers[0]?.untilReady();
  await mark(test, [viewers[0] ?? silent]);
  database.insert("last words");
  hub.close();
  for (const viewer of viewers) await viewer.until(({ ended }) => ended);
  assert.equal(viewers[0]?.messages.at(-1), "last words");
  const returns = viewers.map(({ chunks }) => Number(/^retry: (\d+)\n\n$/u.exec(text(chunks.at(-1)))?.[1]));
  assert.ok(returns.every((milliseconds) => milliseconds >= 200 && milliseconds <= 2200), `${returns}`);
  assert.ok(new Set(returns).size > 1, "not all at the same moment");
  assert.notEqual(viewers[1]?.cursor, null, "also where nothing matched meanwhile");
  silent.read();
  await silent.until(({ ended }) => ended);
  assert.equal(hub.counts.viewers, 0);
  assert.equal(clock.pending, 0);
  assert.throws(() => open(), HubFullError);
  hub.notified(1, '{"s":"1:2:","logs":[]}');
  hub.listening(1, true);
  hub.close();
  assert.equal(clock.pending, 0);
});

Deno.test("createHub() leaves no timer when a query fails after it was closed", async () => {
  const test = testHub();
  const { hub, database, clock, open, errors } = test;
  const gate = Promise.withResolvers<void>();
  const first = open();
  await first.untilReady();
  database.gate = gate.promise;
  database.failures = 2;
  open("", { tail: 5 });
  database.insert({ message: "x", as: "id" });
  hub.close();
  gate.resolve();
  while (errors.length < 2) await new Promise((resolve) => setTimeout(resolve));
  assert.equal(clock.pending, 0);
});
