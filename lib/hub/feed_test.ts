import assert from "node:assert/strict";
import { testHub, type TestViewer } from "./_testing.ts";
import { CATCH_UP_LIMIT, GAP_HEAD } from "./bounds.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

const LONG = "a long message whose needle is far behind";

Deno.test("createHub() says reconnecting, catches up what was missed, and says connected", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const all = open();
  const errors = open("level=error");
  await Promise.all([all.untilReady(), errors.untilReady()]);
  const early = database.begin();
  early.insert("open all the while");
  database.insert("before");
  clock.advance(20);
  await all.untilLog("before");
  database.disconnect();
  await all.until(({ states }) => states.at(-1) === "reconnecting");
  database.insert("missed", { message: "missed error", level: "error" });
  early.commit();
  database.reconnect();
  database.insert("after", { message: "error after", level: "error" });
  clock.advance(20);
  for (const viewer of [all, errors]) {
    await viewer.until(({ states }) => states.at(-1) === "connected");
    clock.advance(20);
    await viewer.untilLog("error after");
    assert.deepEqual(viewer.states, ["connected", "reconnecting", "connected"]);
  }
  assert.deepEqual(
    all.messages.toSorted(),
    ["after", "before", "error after", "missed", "missed error", "open all the while"],
  );
  assert.deepEqual(errors.messages, ["missed error", "error after"]);
});

Deno.test("createHub() sends viewers that come while it is reconnecting all that commits from then on", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const before = open();
  await before.untilReady();
  database.insert("before");
  clock.advance(20);
  await before.untilLog("before");
  database.disconnect();
  const joins = open();
  const tails = open("", { tail: 10 });
  await Promise.all([joins.untilReady(), tails.untilReady()]);
  assert.deepEqual([joins.states, tails.states], [["reconnecting"], ["reconnecting"]]);
  // More than wait for one flush.
  const dark = Array.from({ length: 2500 }, (_, i) => `${i}`);
  database.insert(...dark);
  database.reconnect();
  for (const viewer of [before, joins, tails]) {
    await viewer.until(({ states }) => states.at(-1) === "connected");
    clock.advance(20);
    await viewer.untilLog("2499");
  }
  assert.deepEqual(before.messages, ["before", ...dark]);
  assert.deepEqual(joins.messages.filter((message) => message !== "before"), dark);
  assert.deepEqual(tails.messages, dark, "of which the newest ten are a part");
});

Deno.test("createHub() gives whoever came before there was a cursor the first one, before logs are promised", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  database.disconnect();
  const viewer = open("level=error", { tail: 10 });
  await viewer.untilReady();
  assert.deepEqual([viewer.states, viewer.cursor], [["reconnecting"], null]);
  database.reconnect();
  await viewer.until(({ states }) => states.at(-1) === "connected");
  const since = viewer.cursor;
  assert.notEqual(since, null, "nothing was promised before it had a cursor");
  await viewer.leave();
  database.insert({ message: "while it was away", level: "error" });
  clock.advance(20);
  const again = open("level=error", { since });
  await again.untilLog("while it was away");
});

Deno.test("createHub() catches up again when the connection is lost while it does", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  database.disconnect();
  database.insert("missed 1");
  const answers = Promise.withResolvers<void>();
  database.answerGate = answers.promise;
  database.reconnect();
  database.insert("heard 1");
  await turn();
  database.disconnect();
  database.insert("missed 2");
  database.reconnect();
  database.insert("heard 2");
  database.answerGate = null;
  answers.resolve();
  await turn();
  database.insert("end");
  clock.advance(20);
  await viewer.untilLog("end");
  assert.deepEqual(viewer.messages, ["missed 1", "heard 1", "missed 2", "heard 2", "end"]);
  assert.deepEqual(viewer.states, ["connected", "reconnecting", "connected"]);
});

Deno.test("createHub() tries to catch up until it can, and says reconnecting meanwhile", async () => {
  await using test = testHub();
  const { database, clock, errors, open } = test;
  const viewer = open();
  await viewer.untilReady();
  database.failures = 4;
  database.insert({ message: "told by id", as: "id" });
  for (let i = 1; i <= 4; i++) {
    while (errors.length < i) await turn();
    clock.advance(5000);
  }
  await viewer.until(({ states }) => states.at(-1) === "connected");
  clock.advance(20);
  await viewer.untilLog("told by id");
  assert.deepEqual(viewer.states, ["connected", "reconnecting", "connected"]);
  assert.deepEqual(errors, Array(4).fill("Cannot catch up"));
});

Deno.test("createHub() reads back rows that were announced by id or by more, in their order", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  const reading = Promise.withResolvers<void>();
  database.gate = reading.promise;
  database.insert("a");
  database.insert({ message: "b by id", as: "id" });
  database.insert("c");
  database.insert({ message: "d by more", as: "more" }, { message: "e by more", as: "more" });
  database.insert("f");
  const [gone] = database.insert({ message: "deleted", as: "id" });
  database.delete(gone ?? 0);
  database.insert("g");
  clock.advance(20);
  reading.resolve();
  await turn();
  clock.advance(20);
  await viewer.untilLog("g");
  assert.deepEqual(viewer.messages, ["a", "b by id", "c", "d by more", "e by more", "f", "g"]);
});

Deno.test("createHub() drops announcements that wait too long a line, and catches them up", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  const reading = Promise.withResolvers<void>();
  database.gate = reading.promise;
  database.insert({ message: "by id", as: "id" });
  for (let i = 0; i < 3000; i++) database.insert(`${i}`);
  reading.resolve();
  await turn();
  clock.advance(20);
  database.insert("end");
  clock.advance(20);
  await viewer.untilLog("end");
  assert.deepEqual(viewer.messages, ["by id", ...Array.from({ length: 3000 }, (_, i) => `${i}`), "end"]);
});

Deno.test("createHub() loses nothing that was dropped while it caught up", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  const answers = Promise.withResolvers<void>();
  database.answerGate = answers.promise;
  database.insert({ message: "by more", as: "more" }); // Its catch-up has its snapshot, and not its answer.
  await turn();
  for (let i = 0; i < 1500; i++) database.insert(`${i}`); // The first 1001 are dropped; the others wait.
  answers.resolve();
  database.answerGate = null;
  await turn();
  clock.advance(20);
  database.insert("end");
  clock.advance(20);
  await viewer.untilLog("end");
  assert.deepEqual(viewer.messages, ["by more", ...Array.from({ length: 1500 }, (_, i) => `${i}`), "end"]);
});

Deno.test("createHub() reads a long message whole, once, where a filter looks at text", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const all = open();
  await all.untilReady();
  database.insert(LONG);
  clock.advance(20);
  await all.until(({ messages }) => messages.length === 1);
  assert.deepEqual(database.asked, ["snapshot"], "nobody looks");
  const viewers = [open("q=NEEDLE"), open("q=/needle/"), open("not=needle"), open("level=info")];
  for (const viewer of viewers) await viewer.untilReady();
  database.insert(LONG, "short needle", "short");
  clock.advance(20);
  await turn();
  clock.advance(20);
  for (const viewer of [viewers[0], viewers[1]]) await viewer?.untilLog("short needle");
  await viewers[2]?.untilLog("short");
  await viewers[3]?.untilLog("short");
  const preview = LONG.slice(0, 20);
  assert.deepEqual(viewers.map(({ messages }) => messages), [
    [preview, "short needle"],
    [preview, "short needle"],
    ["short"],
    [preview, "short needle", "short"],
  ]);
  const log = viewers[0]?.said.find((said) => said.kind === "log")?.log;
  assert.equal(log?.truncated, true, "what is sent stays a preview");
  assert.deepEqual(database.asked.filter((question) => question.startsWith("read")), ["read 1"]);
});

Deno.test("createHub() resumes a filter on text from the table where memory holds previews alone", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const all = open();
  const searches = open("q=needle");
  await Promise.all([all.untilReady(), searches.untilReady()]);
  database.insert("a needle");
  clock.advance(20);
  await searches.untilLog("a needle");
  const { cursor } = searches;
  await searches.leave();
  database.insert(LONG); // Nobody looks at text at this moment.
  clock.advance(20);
  await all.until(({ messages }) => messages.length === 2);
  const back = open("q=needle", { since: cursor });
  await back.untilLog(LONG.slice(0, 20));
  database.insert("another needle");
  clock.advance(20);
  await back.untilLog("another needle");
  assert.deepEqual(back.messages.filter((message) => message !== "a needle"), [
    LONG.slice(0, 20),
    "another needle",
  ]);
});

/** Inserts so many that no catch-up brings all. */
function insertMany(insert: (...messages: string[]) => unknown, count: number): void {
  insert(...Array.from({ length: count }, (_, i) => `${i}`));
}

async function untilGap(viewer: TestViewer) {
  await viewer.until(({ gaps }) => gaps.length > 0);
  return viewer.gaps[0];
}

Deno.test("createHub() sends a gap with the exact count to a viewer that missed too much", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const cursor = database.snapshot();
  insertMany((...messages) => database.insert(...messages), GAP_HEAD + CATCH_UP_LIMIT + 7);
  const viewer = open("", { since: cursor });
  const gap = await untilGap(viewer);
  await viewer.untilLog(`${GAP_HEAD + CATCH_UP_LIMIT + 6}`);
  database.insert("live");
  clock.advance(20);
  await viewer.untilLog("live");
  assert.deepEqual(gap, { missed: 7, from: "2026-01-31T00:00:01.001Z", to: "2026-01-31T00:00:01.007Z" });
  const numbers = [...viewer.messages.slice(0, -1)].map(Number);
  assert.deepEqual(
    numbers,
    [...Array(GAP_HEAD + CATCH_UP_LIMIT + 7).keys()].filter((n) => n < 1000 || n >= 1007),
  );
  const kinds = viewer.said.filter(({ kind }) => kind === "log" || kind === "gap").map(({ kind }) => kind);
  assert.equal(kinds.indexOf("gap"), GAP_HEAD, "the gap stands where the logs are missing");
});

Deno.test("createHub() counts no log to the gap that a returning viewer had beyond its cursor", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  database.insert("had 1", "had 2");
  clock.advance(20);
  await viewer.until(({ cursor }) => cursor !== null);
  await viewer.leave();
  database.disconnect();
  insertMany((...messages) => database.insert(...messages), GAP_HEAD + CATCH_UP_LIMIT + 5);
  database.reconnect();
  const back = open("", { since: viewer.cursor });
  await back.untilLog(`${GAP_HEAD + CATCH_UP_LIMIT + 4}`);
  const seen = new Set([...viewer.messages, ...back.messages]);
  assert.equal(back.gaps[0]?.missed, GAP_HEAD + CATCH_UP_LIMIT + 7 - seen.size);
});

Deno.test("createHub() sends what a huge transaction left unannounced, and counts what it had announced to no gap", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewers = [open(), open("q=7"), open("level=error")];
  const slow = open("", { reads: false });
  for (const viewer of viewers) await viewer.untilReady();
  const tx = database.begin();
  // Twice the buffer of a viewer that does not read.
  for (let i = 0; i < 2000; i++) tx.insert({ message: `${i}`, service: "s".repeat(1000) });
  const inserts = Array.from(
    { length: CATCH_UP_LIMIT + 500 },
    (_, i) => ({ message: `more ${i}`, as: "more" as const }),
  );
  tx.insert(...inserts);
  tx.commit();
  await viewers[0]?.untilLog(`more ${CATCH_UP_LIMIT + 499}`);
  database.insert({ message: "last 7", level: "error" });
  await turn();
  clock.advance(20);
  slow.read();
  for (const viewer of [...viewers, slow]) await viewer.untilLog("last 7");
  const [all, sevens, errors] = viewers;
  assert.deepEqual(all?.gaps.map(({ missed }) => missed), [500]);
  assert.equal(all?.messages.length, 2000 + CATCH_UP_LIMIT + 1);
  for (const viewer of [all, slow]) {
    const { messages = [], gaps = [] } = viewer ?? {};
    assert.equal(new Set(messages).size, messages.length, "none twice");
    assert.equal(messages.length + (gaps[0]?.missed ?? 0), 2000 + CATCH_UP_LIMIT + 501);
  }
  const expected = [...Array(2000).keys()].map(String).concat(
    inserts.map(({ message }) => message),
    "last 7",
  );
  assert.deepEqual(sevens?.messages, expected.filter((message) => message.includes("7")));
  assert.deepEqual([...sevens?.gaps ?? [], ...errors?.gaps ?? []], []);
  assert.deepEqual(errors?.messages, ["last 7"]);
});

Deno.test("createHub() sends each viewer the gap of its own filter after a long disconnection", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const all = open();
  const errors = open("level=error");
  const slow = open("", { reads: false });
  await Promise.all([all.untilReady(), errors.untilReady()]);
  database.disconnect();
  database.insert({ message: "an error", level: "error" });
  insertMany((...messages) => database.insert(...messages), GAP_HEAD + CATCH_UP_LIMIT + 4);
  database.reconnect();
  database.insert({ message: "another error", level: "error" });
  for (const viewer of [all, errors]) await viewer.until(({ states }) => states.at(-1) === "connected");
  slow.read();
  await Promise.all([untilGap(all), untilGap(slow), errors.untilLog("an error")]);
  await turn();
  clock.advance(20);
  database.insert({ message: "live error", level: "error" });
  clock.advance(20);
  for (const viewer of [all, errors, slow]) await viewer.untilLog("live error");
  for (const viewer of [all, slow]) {
    const sent = new Set(viewer.messages);
    assert.equal(sent.size, viewer.messages.length, "none twice");
    assert.equal(viewer.gaps.length, 1);
    assert.equal((viewer.gaps[0]?.missed ?? 0) + sent.size, GAP_HEAD + CATCH_UP_LIMIT + 7);
  }
  assert.deepEqual(errors.messages, ["an error", "another error", "live error"]);
  assert.deepEqual(errors.gaps, []);
});

Deno.test("createHub() keeps one viewer in step with many transactions of every kind", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const first = open();
  await first.untilReady();
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const running: { tx: ReturnType<typeof database.begin>; logs: string[] }[] = [];
  const committed: string[] = [];
  const viewers = [first, open("q=3")];
  await viewers[1]?.untilReady();
  for (let i = 0; i < 1500; i++) {
    const step = random(12);
    if (step < 3) running.push({ tx: database.begin(), logs: [] });
    const some = running[random(running.length || 1)];
    if (step < 7 && some) {
      const message = `${i}${i % 10 === 0 ? " and so much more that it is cut" : ""}`;
      some.tx.insert(i % 17 === 0 ? { message, as: i % 2 === 0 ? "id" : "more" } : message);
      some.logs.push(message.slice(0, 20));
    } else if (step < 10 && some) {
      running.splice(running.indexOf(some), 1);
      if (random(4) === 0) some.tx.rollback();
      else {
        some.tx.commit();
        committed.push(...some.logs);
      }
    } else if (step === 10 && random(8) === 0) {
      database.disconnect();
      if (random(2) === 0) await turn();
      database.reconnect();
    } else clock.advance(random(30));
    if (random(5) === 0) await turn();
  }
  for (const { tx } of running) tx.rollback();
  for (let i = 0; i < 5; i++) {
    await turn();
    clock.advance(20);
  }
  database.insert("end 3");
  clock.advance(20);
  for (const viewer of viewers) await viewer.untilLog("end 3");
  assert.ok(committed.length > 300);
  assert.deepEqual(first.messages.toSorted(), [...committed, "end 3"].toSorted());
  const threes = [...committed, "end 3"].filter((message) => message.includes("3"));
  assert.deepEqual(viewers[1]?.messages.toSorted(), threes.toSorted());
});
