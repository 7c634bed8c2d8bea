/** A hub that is told that not all commits are announced: transactions had inserted before their organization was watched. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type TestHub, testHub, type TestViewer, type Transaction } from "./_testing.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Lets everything happen that waits for nothing but time. */
async function settle({ clock }: TestHub): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await turn();
    clock.advance(20);
  }
}

/** A hub whose first viewer has come while a transaction with a log was open. */
async function unsettled(message = "unannounced") {
  const test = testHub();
  test.database.announcesWatched = true;
  const early = test.database.begin();
  early.insert(message);
  const viewer = test.open();
  await viewer.untilReady();
  assert.equal(test.database.isSettled, false);
  return { ...test, early, viewer };
}

Deno.test("createHub() sends what was not announced as soon as it is told that something has ended", async () => {
  await using test = await unsettled();
  const { database, clock, early, viewer } = test;
  await settle(test);
  assert.deepEqual(viewer.states, ["connected"]);
  early.commit();
  await settle(test);
  assert.deepEqual(viewer.messages, [], "nobody knows yet");
  database.look();
  await turn();
  clock.advance(20);
  await viewer.untilLog("unannounced");
  assert.deepEqual(viewer.states, ["connected"], "nothing was lost, and nobody is told so");
  assert.equal(database.isSettled, true);
  database.insert("announced");
  clock.advance(20);
  await viewer.untilLog("announced");
  assert.deepEqual(viewer.messages, ["unannounced", "announced"]);
});

Deno.test("createHub() tells what was not announced with the next announcement, in one question for many", async () => {
  await using test = await unsettled();
  const { database, early, viewer } = test;
  await settle(test);
  const before = database.asked.length;
  early.commit();
  for (let i = 0; i < 500; i++) {
    database.insert(i % 3 === 0 ? { message: `${i}`, as: i % 2 === 0 ? "id" : "more" } : `${i}`);
  }
  await settle(test);
  assert.deepEqual(viewer.messages, ["unannounced", ...Array.from({ length: 500 }, (_, i) => `${i}`)]);
  const asked = database.asked.slice(before);
  assert.ok(asked.length <= 2 && asked.every((question) => question === "catchUp"), asked.join());
  database.look();
  await settle(test);
  const settled = database.asked.length;
  for (let i = 0; i < 20; i++) database.insert(`settled ${i}`);
  await settle(test);
  assert.equal(viewer.messages.length, 521);
  assert.equal(database.asked.length, settled, "announcements are enough from there on");
});

Deno.test("createHub() tells what is announced while it asks the table", async () => {
  await using test = await unsettled();
  const { database, early, viewer } = test;
  await settle(test);
  const answers = Promise.withResolvers<void>();
  database.answerGate = answers.promise;
  database.insert("asks");
  await turn();
  early.commit();
  database.insert("while it is answered");
  database.answerGate = null;
  answers.resolve();
  await settle(test);
  assert.deepEqual(viewer.messages.toSorted(), ["asks", "unannounced", "while it is answered"]);
});

Deno.test("createHub() tries again where the table cannot be asked, and loses nothing", async () => {
  await using test = await unsettled();
  const { database, clock, errors, early, viewer } = test;
  await settle(test);
  early.commit();
  database.failures = 3;
  database.insert("asks");
  database.look();
  for (let i = 1; i <= 3; i++) {
    while (errors.length < i) await turn();
    database.insert(`meanwhile ${i}`);
    clock.advance(5000);
  }
  await settle(test);
  const all = ["asks", "meanwhile 1", "meanwhile 2", "meanwhile 3", "unannounced"];
  assert.deepEqual(viewer.messages.toSorted(), all);
  assert.deepEqual(viewer.states, ["connected", "reconnecting", "connected"]);
});

Deno.test("createHub() lets nobody wait while announcements come without a pause", async () => {
  await using test = await unsettled();
  const { database, clock, open, viewer } = test;
  await settle(test);
  const { cursor } = viewer;
  let sent = 0;
  let stop = false;
  // One with each step of whatever goes on: there is none without a new one.
  const writing = (async () => {
    while (!stop) {
      for (let i = 0; i < 40; i++) {
        database.insert(`${sent++}`);
        await Promise.resolve();
      }
      await turn();
      clock.advance(20);
    }
  })();
  const viewers = [
    open(),
    open("", { tail: 10 }),
    open("level=info"),
    open("", cursor === null ? {} : { since: cursor }),
    open("q=7"),
  ];
  for (const one of [viewer, ...viewers]) {
    await one.untilReady();
    const had = one.messages.length;
    await one.until(({ messages }) => messages.length > had + 20);
  }
  stop = true;
  await writing;
  await settle(test);
  for (const one of [viewer, ...viewers]) {
    const numbers = one.messages.map(Number);
    assert.equal(new Set(numbers).size, numbers.length, "none twice");
    // A tail comes before what has come since it was asked for, which is a little older where that is asked for as well.
    if (one !== viewer) numbers.sort((a, b) => a - b);
    const first = numbers[0] ?? 0;
    const expected = Array.from({ length: sent - first }, (_, i) => first + i)
      .filter((number) => one !== viewers[4] || String(number).includes("7"));
    assert.deepEqual(numbers, expected, "all from the first on");
  }
  assert.equal(database.isSettled, false);
});

Deno.test("createHub() claims nothing that was not announced: who leaves and resumes misses nothing", async () => {
  await using test = await unsettled();
  const { database, early, viewer, open } = test;
  await settle(test);
  const late = database.begin();
  late.insert("open all the while");
  database.insert("heard");
  await settle(test);
  assert.deepEqual(viewer.messages, ["heard"]);
  const left = viewer.cursor;
  await viewer.leave();
  early.commit();
  database.insert("shows it");
  await settle(test);
  late.commit();
  const back = open("", { since: left });
  await back.untilReady();
  await settle(test);
  const expected = ["open all the while", "shows it", "unannounced"];
  assert.deepEqual(back.messages.filter((message) => message !== "heard").toSorted(), expected);
  const again = open("", { since: back.cursor });
  database.look();
  await settle(test);
  assert.deepEqual(
    [...again.messages, ...back.messages].filter((message) => message === "unannounced").length,
    1,
  );
});

Deno.test("createHub() goes back for whatever came while it was not said what is watched", async () => {
  await using test = testHub();
  const { database, open } = test;
  database.announcesWatched = true;
  const viewer = open();
  await viewer.untilReady();
  database.insert("announced");
  await settle(test);
  const since = database.snapshot();
  database.lapse();
  const early = database.begin();
  early.insert("open all the while");
  database.insert("unannounced");
  database.renew(since);
  early.commit();
  database.insert("announced again");
  await settle(test);
  database.look();
  await settle(test);
  assert.equal(database.isSettled, true);
  const all = ["announced", "announced again", "open all the while", "unannounced"];
  assert.deepEqual(viewer.messages.toSorted(), all);
});

/** What happens in a run. The number chooses among the transactions, or the viewers, that there are. */
type Step = readonly [
  kind:
    | "begin"
    | "insert"
    | "insert by id"
    | "commit"
    | "rollback"
    | "quick"
    | "cut off"
    | "lapse"
    | "look"
    | "come"
    | "leave"
    | "resume"
    | "time"
    | "linger",
  choice: number,
];

const WEIGHTS: readonly (readonly [Step[0], number])[] = [
  ["begin", 5],
  ["insert", 8],
  ["insert by id", 1],
  ["commit", 6],
  ["rollback", 1],
  ["quick", 6],
  ["cut off", 2],
  ["look", 4],
  ["come", 2],
  ["leave", 2],
  ["resume", 3],
  ["time", 6],
  ["linger", 1],
];

function stepsOf(weights: typeof WEIGHTS): fc.Arbitrary<Step[]> {
  const kind = fc.oneof(...weights.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) })));
  return fc.array(fc.tuple(kind, fc.nat(99)), { maxLength: 120, size: "max" });
}

/** One who watches, comes and goes: all its streams in a row. */
interface Watcher {
  viewer: TestViewer | null;
  cursor: string | null;
  /** All its streams. */
  readonly streams: TestViewer[];
  /** So many logs had committed when it was first told that logs come through; null before. */
  begun: number | null;
}

/** Runs steps, then lets everything end, and compares what each watcher was told with what has committed. */
async function run(steps: readonly Step[]): Promise<void> {
  await using test = testHub({ linger: 1000 });
  const { database, clock, open } = test;
  database.announcesWatched = true;
  const transactions: { tx: Transaction; logs: string[] }[] = [];
  const committed: string[] = [];
  const watchers: Watcher[] = [];
  /** A snapshot before which all was announced. */
  let announced = database.snapshot();
  let count = 0;
  const pick = <T>(list: readonly T[], choice: number) =>
    list.length > 0 ? list[choice % list.length] : undefined;

  const look = () => {
    for (const watcher of watchers) {
      if (watcher.begun !== null || watcher.viewer?.states.at(-1) !== "connected") continue;
      watcher.begun = committed.length;
    }
  };
  const isWatched = () => database.watched.size > 0;
  const leave = async (watcher: Watcher) => {
    const { viewer } = watcher;
    watcher.viewer = null;
    await viewer?.leave();
    const ready = viewer?.said.find((said) => said.kind === "ready");
    watcher.cursor = viewer?.cursor ?? ready?.cursor ?? watcher.cursor;
    // Without a cursor it cannot return to where it was.
    if (watcher.cursor === null) watchers.splice(watchers.indexOf(watcher), 1);
  };

  for (const [kind, choice] of steps) {
    const open_ = pick(transactions, choice);
    const here = pick(watchers.filter(({ viewer }) => viewer !== null), choice);
    if (kind === "begin") transactions.push({ tx: database.begin(), logs: [] });
    else if (kind === "insert" || kind === "insert by id") {
      const message = `${count++}`;
      open_?.tx.insert(kind === "insert" ? message : { message, as: choice % 2 === 0 ? "id" : "more" });
      open_?.logs.push(message);
    } else if (kind === "commit" && open_) {
      transactions.splice(transactions.indexOf(open_), 1);
      // Nobody is told anything between a commit and its being noted.
      open_.tx.commit();
      committed.push(...open_.logs);
    } else if (kind === "rollback" && open_) {
      transactions.splice(transactions.indexOf(open_), 1);
      open_.tx.rollback();
    } else if (kind === "quick") {
      const message = `${count++}`;
      database.insert(message);
      committed.push(message);
    } else if (kind === "cut off") {
      database.disconnect();
      if (choice % 3 > 0) await turn();
      if (choice % 2 > 0) {
        // Whoever inserts now is heard by nobody.
        const message = `${count++}`;
        open_?.tx.insert(message);
        open_?.logs.push(message);
      }
      database.reconnect();
    } else if (kind === "lapse" && isWatched() && database.isSettled) {
      await settle(test);
      announced = database.snapshot();
      database.lapse();
      const message = `${count++}`;
      if (choice % 2 === 0) {
        database.insert(message);
        committed.push(message);
      } else {
        open_?.tx.insert(message);
        open_?.logs.push(message);
      }
      if (choice % 3 === 0) await settle(test);
      database.renew(announced);
    } else if (kind === "look") database.look();
    else if (kind === "come" && watchers.length < 6) {
      const viewer = open("", { tail: choice % 4 === 0 ? 3 : 0 });
      watchers.push({ viewer, cursor: null, streams: [viewer], begun: null });
    } else if (kind === "leave" && here) await leave(here);
    else if (kind === "resume") {
      const away = pick(watchers.filter(({ viewer }) => viewer === null), choice);
      if (away?.cursor) away.streams.push(away.viewer = open("", { since: away.cursor }));
    } else if (kind === "time") {
      database.delivers = choice % 3 > 0;
      if (database.delivers) database.deliver();
      clock.advance(choice % 30);
    } else if (kind === "linger") {
      for (const watcher of watchers.filter(({ viewer }) => viewer !== null)) await leave(watcher);
      clock.advance(1000);
    }
    if (choice % 3 === 0) {
      await turn();
      look();
    }
  }
  for (const { tx, logs } of transactions) {
    tx.commit();
    committed.push(...logs);
  }
  for (const watcher of watchers) {
    if (watcher.viewer === null && watcher.cursor !== null) {
      watcher.streams.push(watcher.viewer = open("", { since: watcher.cursor }));
    }
  }
  database.delivers = true;
  database.deliver();
  await settle(test);
  database.look();
  await settle(test);
  assert.ok(database.isSettled);
  assert.deepEqual(test.errors, []);
  for (const [i, { streams, begun, viewer }] of watchers.entries()) {
    if (viewer?.ended) assert.fail(`the stream of watcher ${i} ended`);
    const told = new Set<string>();
    for (const { messages, gaps } of streams) {
      assert.equal(new Set(messages).size, messages.length, `watcher ${i}: none twice in a stream`);
      assert.deepEqual(gaps, []);
      for (const message of messages) told.add(message);
    }
    assert.deepEqual(
      committed.slice(begun ?? committed.length).filter((message) => !told.has(message)),
      [],
      `watcher ${i}`,
    );
    assert.ok(told.isSubsetOf(new Set(committed)), `watcher ${i}: nothing that was rolled back`);
  }
}

Deno.test("createHub() sends everything once, whatever is announced and whoever comes and goes", async () => {
  await fc.assert(fc.asyncProperty(stepsOf(WEIGHTS), run), { numRuns: 60 });
});

Deno.test("createHub() sends everything once to who stays, although what is watched was not said for a while", async () => {
  const staying = WEIGHTS.filter(([kind]) => kind !== "leave" && kind !== "linger");
  await fc.assert(fc.asyncProperty(stepsOf([...staying, ["lapse", 3]]), run), { numRuns: 40 });
});
