import assert from "node:assert/strict";
import { parseCursor } from "../cursor.ts";
import { NO_FILTER } from "../filter.ts";
import { type TestHub, testHub } from "./_testing.ts";
import { CATCH_UP_LIMIT } from "./bounds.ts";
import { VIEWER_BUFFER } from "./viewer.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Fills a viewer that does not read over its bound: 100 logs of 20 kB (services may be long) are twice as much. */
async function flood({ database, clock }: TestHub, rounds = 100) {
  for (let i = 0; i < rounds; i++) {
    database.insert({ message: `flood ${i}`, service: "s".repeat(20_000) });
    clock.advance(20);
  }
  await turn();
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `flood ${from + i}`);

Deno.test("createHub() sends the newest logs first, oldest of them first, and then what comes", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  for (const message of ["a", "b", "c"]) database.insert(message, { message: `${message}!`, level: "error" });
  const viewers = [open("", { tail: 3 }), open("level=error", { tail: 2 }), open("", { tail: 100 })];
  for (const viewer of viewers) await viewer.untilLog("c!");
  database.insert({ message: "d!", level: "error" });
  clock.advance(20);
  for (const viewer of viewers) await viewer.untilLog("d!");
  assert.deepEqual(viewers.map(({ messages }) => messages), [
    ["b!", "c", "c!", "d!"],
    ["b!", "c!", "d!"],
    ["a", "a!", "b", "b!", "c", "c!", "d!"],
  ]);
  assert.equal(viewers[0]?.said[0]?.kind, "ready");
});

Deno.test("createHub() joins tail and live without a log twice or missing, whenever it commits", async () => {
  // Moments of a fetch: before its snapshot, between snapshot and answer, and after.
  for (const asks of ["gate", "answerGate"] as const) {
    await using test = testHub();
    const { database, clock, open } = test;
    const first = open();
    await first.untilReady();
    database.insert("old");
    const early = database.begin();
    early.insert("began early");
    const fetching = Promise.withResolvers<void>();
    database[asks] = fetching.promise;
    const viewer = open("", { tail: 10 });
    await viewer.untilReady();
    database.insert("meanwhile 1");
    clock.advance(20);
    early.commit();
    database.insert("meanwhile 2"); // Accepted, and not yet flushed when the answer comes.
    fetching.resolve();
    await turn();
    clock.advance(20);
    database.insert("after");
    clock.advance(20);
    await viewer.untilLog("after");
    const expected = ["old", "meanwhile 1", "began early", "meanwhile 2", "after"];
    assert.deepEqual(viewer.messages.toSorted(), expected.toSorted(), asks);
    assert.equal(viewer.messages[0], "old");
  }
});

Deno.test("createHub() sends all that comes while a short tail is fetched", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const first = open();
  await first.untilReady();
  for (const message of ["a", "b", "c"]) database.insert(message);
  clock.advance(20);
  await first.untilLog("c");
  const fetching = Promise.withResolvers<void>();
  database.gate = fetching.promise;
  const viewer = open("", { tail: 2 });
  await viewer.untilReady();
  for (let i = 0; i < 5; i++) database.insert(`${i}`);
  clock.advance(20);
  fetching.resolve();
  await viewer.untilLog("4");
  assert.deepEqual(viewer.messages, ["0", "1", "2", "3", "4"], "the newest two are among them");
});

Deno.test("createHub() tells a viewer what it missed while its tail was fetched", async () => {
  for (const isNoticed of [true, false]) {
    await using test = testHub();
    const { database, clock, hub, open } = test;
    const since = database.snapshot();
    const first = open();
    await first.untilReady();
    for (const message of ["a", "b", "c"]) database.insert(message);
    clock.advance(20);
    await first.untilLog("c");
    const fetching = Promise.withResolvers<void>();
    database.gate = fetching.promise;
    const viewer = open("", { tail: 2 });
    await viewer.untilReady();
    database.gate = null;
    // Either the announcement says that there are more, or it is found out later that there was none.
    database.announces = isNoticed;
    const logs = Array.from({ length: CATCH_UP_LIMIT + 5 }, (_, i) => `${i}`);
    database.insert(...logs.map((message) => ({ message, as: "more" as const })));
    database.announces = true;
    if (!isNoticed) hub.missed(since);
    await first.until(({ gaps }) => gaps.length > 0);
    fetching.resolve();
    await turn();
    database.insert("last");
    clock.advance(20);
    await viewer.untilLog("last");
    const missed = viewer.gaps.reduce((sum, gap) => sum + gap.missed, 0);
    const shown = new Set(viewer.messages.filter((message) => logs.includes(message)));
    assert.equal(missed + shown.size, logs.length, `noticed: ${isNoticed}`);
  }
});

Deno.test("createHub() sends a fetched log once when its announcement comes only then", async () => {
  await using test = testHub();
  const { database, clock, hub, open } = test;
  const first = open();
  await first.untilReady();
  // The announcement is on its way while the table has the row already.
  const tx = database.begin();
  tx.insert("slow to be heard");
  const notified = hub.notified;
  const heard: (() => void)[] = [];
  hub.notified = (organizationId, payload) => void heard.push(() => notified(organizationId, payload));
  tx.commit();
  hub.notified = notified;
  const viewer = open("", { tail: 10 });
  await viewer.untilLog("slow to be heard");
  for (const hear of heard) hear();
  clock.advance(20);
  database.insert("after");
  clock.advance(20);
  await viewer.untilLog("after");
  await first.untilLog("after");
  assert.deepEqual(viewer.messages, ["slow to be heard", "after"]);
  assert.deepEqual(first.messages, ["slow to be heard", "after"]);
});

Deno.test("createHub() sends a log once that commits while the first viewer of its organization comes", async () => {
  await using test = testHub();
  const { database, clock, hub, open } = test;
  const snapshot = Promise.withResolvers<void>();
  database.gate = snapshot.promise;
  const first = open();
  await turn();
  const { notified } = hub;
  const heard: (() => void)[] = [];
  hub.notified = (organizationId, payload) => void heard.push(() => notified(organizationId, payload));
  database.insert("between LISTEN and the first cursor");
  hub.notified = notified;
  snapshot.resolve();
  await first.untilReady();
  const viewer = open("", { tail: 10 });
  await viewer.until(({ messages }) => messages.length > 0);
  for (const hear of heard) hear();
  database.insert("after");
  clock.advance(20);
  await viewer.untilLog("after");
  assert.deepEqual(viewer.messages, ["between LISTEN and t", "after"]);
});

Deno.test("createHub() resumes from memory without a query", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  const leaves = open();
  await Promise.all([stays.untilReady(), leaves.untilReady()]);
  database.insert("seen");
  clock.advance(20);
  await leaves.untilLog("seen");
  const { cursor } = leaves;
  await leaves.leave();
  for (const message of ["missed 1", "missed 2"]) database.insert(message);
  clock.advance(20);
  await stays.untilLog("missed 2");
  const before = database.asked.length;
  const back = open("", { since: cursor, tail: 100 });
  await back.untilLog("missed 2");
  database.insert("live");
  clock.advance(20);
  await back.untilLog("live");
  assert.deepEqual(back.messages.filter((message) => message !== "seen"), ["missed 1", "missed 2", "live"]);
  assert.equal(database.asked.length, before);
});

Deno.test("createHub() resumes from the table where memory does not reach back", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const cursor = database.snapshot();
  const early = database.begin();
  early.insert("began early");
  database.insert("missed", { message: "other", level: "error" });
  early.commit();
  const back = open("level=info", { since: cursor });
  await back.untilLog("missed");
  database.insert("live");
  clock.advance(20);
  await back.untilLog("live");
  assert.deepEqual(back.messages, ["began early", "missed", "live"]);
  assert.ok(database.asked.includes("catchUp"));
});

Deno.test("createHub() resumes a cursor that another transaction's payload carries too", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  database.insert("before");
  const tx = database.begin();
  const fetched = database.snapshot();
  tx.insert("not in the snapshot");
  tx.commit();
  clock.advance(20);
  await stays.untilLog("not in the snapshot");
  // Holds the very cursor that came with the payload, and has not seen its log.
  assert.equal(stays.cursor, fetched);
  const back = open("", { since: fetched });
  await back.untilLog("not in the snapshot");
  assert.ok(!back.messages.includes("before"));
});

Deno.test("createHub() resumes a fetched cursor that a later payload carries too, from before what came between", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  const between = database.begin();
  between.insert("between");
  database.insert("had");
  clock.advance(20);
  await stays.untilLog("had");
  const viewer = open("", { since: "90:90:" });
  await viewer.until(({ cursor }) => cursor !== null);
  await viewer.leave();
  // Its snapshot is the one that the viewer has; the other transaction commits before it does.
  const tx = database.begin();
  tx.insert("after");
  between.commit();
  tx.commit();
  clock.advance(20);
  await stays.untilLog("after");
  const back = open("", { since: viewer.cursor });
  await back.untilLog("after");
  assert.deepEqual(back.messages, ["between", "after"]);
});

Deno.test("createHub() resumes a cursor of another server, although that was announced only within a catch-up", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  database.disconnect();
  const [tx, next] = [database.begin(), database.begin()];
  tx.insert("had");
  next.insert("next");
  database.insert("missed");
  tx.insert("had too");
  const cursor = database.snapshot();
  const answers = Promise.withResolvers<void>();
  database.gate = answers.promise;
  database.reconnect();
  await turn();
  // Both are announced, and are in the catch-up that was asked for before.
  tx.commit();
  next.commit();
  answers.resolve();
  await turn();
  clock.advance(20);
  await stays.untilLog("next");
  // There it came with the announcement, before the other one committed.
  const viewer = open("", { since: cursor });
  database.insert("live");
  await turn();
  clock.advance(20);
  await viewer.untilLog("live");
  assert.ok(viewer.messages.includes("next"));
});

Deno.test("createHub() claims with a cursor only what was written before it, at any moment", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewers = [open()];
  await viewers[0]?.untilReady();
  let checks = 0;
  for (let count = 1; count <= 40; count++) {
    database.insert(`log ${count}`);
    database.insert(`log ${count} once more`);
    await turn();
    // Within every state of the interval in which logs wait for their flush.
    viewers.push(open("", { tail: 1000 }));
    await turn();
    clock.advance(7);
    await turn();
    for (const { cursor, said } of viewers) {
      if (cursor === null) continue;
      const { logs } = await database.store.catchUp({
        organizationId: 1,
        filter: NO_FILTER,
        limit: 1000,
        since: cursor,
        head: 0,
        had: [],
      });
      const ids = new Set(logs.map(({ log }) => log.id));
      const last = said.findLastIndex(({ kind }) => kind === "cursor");
      for (const one of said.slice(0, last)) if (one.kind === "log") ids.add(one.log.id);
      assert.equal(
        ids.size,
        2 * count,
        "what was written before the cursor, and what comes after it, are all",
      );
      checks++;
    }
  }
  assert.ok(checks > 500);
});

Deno.test("createHub() says a cursor with ready that claims nothing which is still to be flushed", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  clock.advance(20);
  database.insert("flushed");
  await stays.untilLog("flushed");
  database.insert("waits");
  database.insert("waits too"); // Its snapshot has the one before.
  const joins = open();
  await joins.untilReady();
  const ready = joins.said.find((said) => said.kind === "ready");
  await joins.leave();
  clock.advance(20);
  await stays.untilLog("waits too");
  const back = open("", { since: ready?.cursor ?? "" });
  await back.untilLog("waits too");
  assert.ok(back.messages.includes("waits"));
});

Deno.test("createHub() bounds the buffer of a viewer that does not read, and slows nobody else", async () => {
  await using test = testHub();
  const { open } = test;
  const slow = open("", { reads: false });
  const fast = open();
  await fast.untilReady();
  await flood(test);
  await fast.untilLog("flood 99");
  assert.deepEqual(fast.messages, numbers(0, 100));
  const sent = test.hub.counts.sent;
  await flood(test, 1);
  assert.equal(test.hub.counts.sent, sent + 1, "nothing is made for it any more");
  slow.read();
  await slow.until(({ messages }) => messages.length >= 50);
});

Deno.test("createHub() catches a viewer up from memory once it drains", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const slow = open("", { reads: false });
  const fast = open();
  await fast.untilReady();
  await flood(test);
  slow.read();
  await slow.untilLog("flood 99");
  database.insert("live");
  clock.advance(20);
  await slow.untilLog("live");
  assert.deepEqual(slow.messages, [...numbers(0, 100), "live"]);
  assert.deepEqual(database.asked, ["snapshot"]);
  const written = slow.chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(written > VIEWER_BUFFER);
});

Deno.test("createHub() catches a viewer up from the table when memory has moved on", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const slow = open("", { reads: false });
  const fast = open();
  await fast.untilReady();
  await flood(test, 400); // 8 MiB of memory hold about 200 of them.
  slow.read();
  await slow.untilLog("flood 399");
  database.insert("live");
  clock.advance(20);
  await slow.untilLog("live");
  assert.deepEqual([...new Set(slow.messages)], [...numbers(0, 400), "live"]);
  assert.ok(
    slow.messages.length < 405,
    "but for the few between its cursor and its place nothing comes twice",
  );
  assert.ok(database.asked.includes("catchUp"));
});

Deno.test("createHub() tells a viewer that was not read the state once it drains", async () => {
  await using test = testHub();
  const { database, open } = test;
  const slow = open("", { reads: false });
  const fast = open();
  await fast.untilReady();
  await flood(test);
  database.disconnect();
  slow.read();
  await slow.until(({ states }) => states.includes("reconnecting"));
  database.reconnect();
  await slow.until(({ states }) => states.at(-1) === "connected");
  await slow.untilLog("flood 99");
  assert.deepEqual(slow.states, ["connected", "reconnecting", "connected"]);
  assert.deepEqual(slow.messages, numbers(0, 100));
});

Deno.test("createHub() tells one state of those that passed while a viewer did not read", async () => {
  await using test = testHub();
  const { database, open } = test;
  const slow = open("", { reads: false });
  const fast = open();
  await fast.untilReady();
  await flood(test);
  database.disconnect();
  database.reconnect();
  await fast.until(({ states }) => states.length === 3);
  slow.read();
  await slow.untilLog("flood 99");
  assert.deepEqual(slow.states, ["connected"]);
});

Deno.test("createHub() forgets a viewer that leaves while it is fetched for", async () => {
  await using test = testHub();
  const { hub, database, open } = test;
  const fetching = Promise.withResolvers<void>();
  const first = open();
  await first.untilReady();
  database.gate = fetching.promise;
  const viewer = open("level=error", { tail: 10 });
  await viewer.untilReady();
  await viewer.leave();
  assert.equal(hub.counts.viewers, 1);
  fetching.resolve();
  await turn();
  assert.equal(hub.counts.viewers, 1);
});

Deno.test("createHub() asks once for all viewers that want the same at the same time, and few things at once", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const first = open();
  await first.untilReady();
  database.insert("one", "two");
  clock.advance(20);
  await first.untilLog("two");
  const fetching = Promise.withResolvers<void>();
  database.gate = fetching.promise;
  const same = Array.from({ length: 10 }, () => open("", { tail: 2 }));
  const others = Array.from({ length: 9 }, (_, i) => open("", { tail: 3 + i }));
  await turn();
  assert.deepEqual(database.asked.filter((question) => question === "newest").length, 3);
  fetching.resolve();
  for (const viewer of [...same, ...others]) await viewer.untilLog("two");
  assert.deepEqual(database.asked.filter((question) => question === "newest").length, 10);
  assert.ok(same.every(({ chunks }) => chunks.at(-1) === same[0]?.chunks.at(-1)), "the very same bytes");
});

Deno.test("createHub() tries a fetch again that failed", async () => {
  await using test = testHub();
  const { database, clock, errors, open } = test;
  database.insert("old");
  const first = open();
  await first.untilReady();
  database.failures = 3;
  const viewer = open("", { tail: 1 });
  for (let i = 1; i <= 3; i++) {
    while (errors.length < i) await turn();
    clock.advance(5000);
  }
  await viewer.untilLog("old");
  assert.deepEqual(errors, Array(3).fill("Cannot read logs for a viewer"));
});

Deno.test("createHub() gives a cursor on the way: who leaves in the midst of what was missed goes on from there", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const first = open();
  await first.untilReady();
  database.insert("first");
  clock.advance(20);
  await first.until(({ cursor }) => cursor !== null);
  await flood(test, 10);
  await first.untilLog("flood 9");
  let since = first.said.find((said) => said.kind === "cursor")?.cursor ?? null;
  const messages: string[] = [];
  let visits = 0;
  for (; !messages.includes("flood 9"); visits++) {
    assert.ok(visits < 10, "it gets on with every visit");
    const stream = test.hub.subscribe({ organizationId: 1, filter: NO_FILTER, tail: 0, since });
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes('"message"')) text += (await reader.read()).value ?? assert.fail("it ended");
    await reader.cancel();
    messages.push(...Array.from(text.matchAll(/"message":"([^"]*)"/gu), ([, message = ""]) => message));
    since = /^id: (.*)$/mu.exec(text)?.[1] ?? since;
  }
  assert.ok(visits > 1);
  // The cursor is the snapshot that the first log was written in, so that log comes again.
  assert.deepEqual([...new Set(messages)], ["first", ...numbers(0, 10)]);
});

Deno.test("createHub() asks once for viewers that return one after the other with the same cursor", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const since = database.snapshot();
  database.insert("a", "b");
  const expected = ["a", "b"];
  for (let i = 0; i < 5; i++) {
    const viewer = open("", { since });
    await viewer.untilLog(expected.at(-1) ?? "");
    assert.deepEqual(viewer.messages, expected);
    database.insert(`${i}`);
    clock.advance(20);
    expected.push(`${i}`);
    await viewer.untilLog(`${i}`);
    assert.deepEqual(viewer.messages, expected, "the log after what was fetched comes once");
  }
  assert.equal(hub.counts.fetches, 1);
  clock.advance(15_000);
  await open("", { since }).untilLog("4");
  assert.equal(hub.counts.fetches, 2, "it is not kept for ever");
});

Deno.test("createHub() goes on with what was missed where the table gives it in parts", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  const early = database.begin();
  early.insert("early");
  const cursor = database.snapshot();
  for (let i = 0; i < 50; i++) database.insert(`${i}`, `${i} too`);
  early.commit();
  clock.advance(20);
  await stays.untilLog("early");
  database.patience = 7;
  const { xmax } = parseCursor(cursor);
  const back = open("level=info", { since: `${xmax - 9n}:${xmax}:` });
  await back.untilLog("49 too");
  database.insert("live");
  clock.advance(20);
  await back.untilLog("live");
  assert.equal(back.messages.length, 102);
  assert.equal(new Set(back.messages).size, 102);
  assert.ok(database.asked.filter((question) => question === "catchUp").length > 10);
});

Deno.test("createHub() counts in a gap nothing that a viewer has, though others stand at an older cursor", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  const early = database.snapshot();
  // All announced with the same snapshot, whenever they commit.
  const txs = ["one", "two", "three"].map((message) => {
    const tx = database.begin();
    tx.insert(message);
    return tx;
  });
  txs[0]?.commit();
  clock.advance(20);
  await stays.untilLog("one");
  database.announces = false;
  database.insert(
    ...Array.from({ length: 5 }, (_, i) => ({ message: `not announced ${i}`, level: "error" as const })),
  );
  database.announces = true;
  // Both have a newer cursor from the table. One is written on from there, the other is not, for nothing matches.
  const { xmax } = parseCursor(early);
  const since = `${xmax - 7n}:${xmax}:`;
  const all = open("", { since });
  await all.untilLog("not announced 4");
  const answers = Promise.withResolvers<void>();
  database.answerGate = answers.promise;
  const errors = open("level=error", { since });
  await turn();
  txs[1]?.commit();
  clock.advance(20);
  await all.untilLog("two");
  database.answerGate = null;
  answers.resolve();
  await errors.untilLog("not announced 4");
  // Nobody waits any more for what was not announced: they are live.
  clock.advance(45_000);
  await turn();
  txs[2]?.commit();
  clock.advance(20);
  await all.untilLog("three");
  database.disconnect();
  database.insert(
    ...Array.from({ length: CATCH_UP_LIMIT + 3 }, (_, i) => ({ message: `${i}`, level: "error" as const })),
  );
  database.reconnect();
  for (const viewer of [all, errors]) {
    await viewer.untilLog(`${CATCH_UP_LIMIT + 2}`);
    assert.deepEqual(viewer.gaps.map(({ missed }) => missed), [3]);
  }
});
