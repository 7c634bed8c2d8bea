import assert from "node:assert/strict";
import { parseCursor } from "../cursor.ts";
import { testHub, type TestViewer } from "./_testing.ts";
import { CATCH_UP_LIMIT, GAP_HEAD } from "./bounds.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));
const problem = (code: string) => ({ code, message: `About ${code}` });

Deno.test("createHub() tells viewers what is wrong with the database, once a change, and that it is mended", async () => {
  await using test = testHub();
  const { hub, database, open } = test;
  const viewer = open();
  await viewer.untilReady();
  hub.report(problem("a"));
  hub.report(problem("a"));
  const late = open();
  await late.untilReady();
  hub.report(problem("b"));
  database.disconnect();
  hub.report(null);
  database.reconnect();
  await viewer.until(({ states }) => states.length === 5);
  assert.deepEqual(viewer.problems, ["", "a", "b", "b", ""].slice(0, 5));
  assert.deepEqual(late.problems.slice(0, 2), ["a", "b"]);
  await viewer.until(({ states }) => states.at(-1) === "connected");
  assert.deepEqual(viewer.states, [
    "connected",
    "connected",
    "connected",
    "reconnecting",
    "reconnecting",
    "connected",
  ]);
});

Deno.test("createHub() does not say ready before its time because of a problem", async () => {
  await using test = testHub();
  const { hub, database, open } = test;
  const gate = Promise.withResolvers<void>();
  database.gate = gate.promise;
  const viewer = open();
  await turn();
  hub.report(problem("a"));
  await turn();
  assert.deepEqual(viewer.states, []);
  gate.resolve();
  await viewer.untilReady();
  assert.deepEqual(viewer.problems, ["a"]);
});

Deno.test("createHub() tells a viewer that was not read the newest problem once it drains", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const slow = open("", { reads: false });
  const fast = open();
  await fast.untilReady();
  for (let i = 0; i < 100; i++) {
    database.insert({ message: `${i}`, service: "s".repeat(20_000) });
    clock.advance(20);
  }
  for (const code of ["a", "b", "c"]) hub.report(problem(code));
  await fast.until(({ problems }) => problems.at(-1) === "c");
  slow.read();
  await slow.until(({ problems }) => problems.at(-1) === "c");
  assert.deepEqual(slow.problems, ["", "c"]);
});

Deno.test("createHub() catches up what was not announced, though a newer cursor claims it", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  database.insert("before");
  const old = database.snapshot();
  database.insert("before the first viewer");
  const viewer = open();
  await viewer.untilReady();
  const since = database.snapshot();
  database.insert("announced 1");
  database.announces = false;
  database.insert("not announced");
  database.announces = true;
  database.insert("announced 2");
  clock.advance(20);
  await viewer.untilLog("announced 2");
  hub.missed(since);
  hub.missed(old);
  await turn();
  clock.advance(20);
  await viewer.untilLog("not announced");
  database.insert("announced 3");
  clock.advance(20);
  await viewer.untilLog("announced 3");
  assert.deepEqual(viewer.messages, ["announced 1", "announced 2", "not announced", "announced 3"]);
});

Deno.test("createHub() tries again from the same place where catching up what was not announced fails", async () => {
  await using test = testHub();
  const { hub, database, clock, open, errors } = test;
  const viewer = open();
  await viewer.untilReady();
  const since = database.snapshot();
  database.announces = false;
  database.insert("not announced");
  database.announces = true;
  database.insert("announced");
  clock.advance(20);
  await viewer.untilLog("announced");
  database.failures = 1;
  hub.missed(since);
  while (errors.length === 0) await turn();
  clock.advance(5000);
  await turn();
  clock.advance(20);
  await viewer.untilLog("not announced");
});

Deno.test("createHub() ends every stream when the database is an older one, and starts over", async () => {
  await using test = testHub();
  const { database, clock, open } = test;
  const viewers = [open(), open("level=error"), open("", { reads: false })];
  await viewers[0]?.untilReady();
  for (let i = 0; i < 100; i++) database.insert(`lost ${i}`);
  clock.advance(20);
  await viewers[0]?.untilLog("lost 99");
  const cursor = viewers[0]?.cursor ?? "";
  database.disconnect();
  database.restore();
  database.insert("restored");
  database.reconnect();
  viewers[2]?.read();
  for (const viewer of viewers) await viewer.until(({ ended }) => ended);
  assert.equal(test.hub.counts.viewers, 0);
  const back = open("", { tail: 10 });
  await back.untilLog("restored");
  // Their ids are those of logs that were lost.
  database.insert("new 1", "new 2");
  clock.advance(20);
  await back.untilLog("new 2");
  assert.deepEqual(back.messages, ["restored", "new 1", "new 2"]);
  const foreign = open("", { since: cursor });
  await foreign.until(({ ended }) => ended);
  assert.deepEqual(foreign.messages, []);
  assert.equal(test.hub.counts.viewers, 1);
});

Deno.test("createHub() claims less after a crash that took back transaction ids, and misses nothing that has them next", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  database.insert("kept");
  const before = database.snapshot();
  clock.advance(20);
  await viewer.untilLog("kept");
  // Their ids never reach the disk.
  for (let i = 0; i < 9; i++) {
    const tx = database.begin();
    tx.insert("rolled back");
    tx.rollback();
  }
  database.insert("also kept");
  clock.advance(20);
  await viewer.untilLog("also kept");
  database.disconnect();
  const [xid] = /\d+$/u.exec(before.replace(/:$/u, "")) ?? [];
  database.crash(BigInt(xid ?? 0) + 2n);
  database.insert("before we are back 1", "before we are back 2", "before we are back 3");
  hub.restarted(BigInt(xid ?? 0), database.started);
  database.reconnect();
  await viewer.until(({ states }) => states.at(-1) === "connected");
  clock.advance(20);
  await viewer.untilLog("before we are back 3");
  clock.advance(15_000);
  database.insert("live");
  clock.advance(20);
  await viewer.untilLog("live");
  assert.deepEqual(viewer.messages, [
    "kept",
    "also kept",
    "before we are back 1",
    "before we are back 2",
    "before we are back 3",
    "live",
  ]);
  assert.equal(viewer.ended, false);
});

Deno.test("createHub() ends its streams after a restart that lost the newest log, and in front of another database", async () => {
  for (const [kept, xid] of [[false, 100n], [true, 0n]] as const) {
    await using test = testHub();
    const { hub, database, clock, open } = test;
    const viewer = open();
    await viewer.untilReady();
    const [id = 0] = database.insert("newest");
    clock.advance(20);
    await viewer.untilLog("newest");
    database.disconnect();
    if (!kept) database.delete(id);
    hub.restarted(1000n, "later");
    hub.restarted(xid, "later still");
    database.reconnect();
    await viewer.until(({ ended }) => ended);
  }
});

Deno.test("createHub() claims less after such a crash to viewers that stand behind it, too", async () => {
  for (const from of ["memory", "the table", "a question under way", "an answer that comes late"]) {
    await using test = testHub();
    const { hub, database, clock, open } = test;
    const stays = open();
    await stays.untilReady();
    const early = database.snapshot();
    const slow = from === "memory" ? open("", { reads: false }) : null;
    await turn();
    const long = Array.from({ length: 150 }, () => database.begin());
    for (const tx of long) tx.insert({ message: "early", service: "s".repeat(20_000) });
    const last = database.begin();
    last.insert("last");
    last.commit();
    const { xmax } = parseCursor(database.snapshot());
    for (const [i, tx] of long.entries()) {
      const undone = database.begin();
      undone.insert("rolled back");
      undone.rollback();
      tx.insert(`${i}`);
      tx.commit();
      clock.advance(20);
      await turn();
    }
    await stays.untilLog("149");
    const answers = Promise.withResolvers<void>();
    if (/question|answer/u.test(from)) database.answerGate = answers.promise;
    const viewer = slow ?? open("level=info", { reads: false, since: asOld(early) });
    await turn();
    await turn();
    database.disconnect();
    // The ids of what was rolled back never reach the disk.
    database.crash(xmax);
    database.insert("before we are back");
    hub.restarted(xmax, database.started);
    database.reconnect();
    database.answerGate = null;
    if (from !== "an answer that comes late") answers.resolve();
    await turn();
    clock.advance(20);
    await turn();
    answers.resolve();
    await turn();
    viewer.read();
    await viewer.untilLog("before we are back");
    // Those that were in its buffer already.
    const told = viewer.said.findIndex((said) => said.kind === "log" && said.log.message === "70");
    const missing = viewer.said.findIndex((said) =>
      said.kind === "log" && said.log.message === "before we are back"
    );
    for (const said of viewer.said.slice(told, missing)) {
      if (said.kind === "cursor") assert.ok(parseCursor(said.cursor).xmax <= xmax, `${from}: ${said.cursor}`);
    }
    assert.equal(new Set(viewer.messages).size, 153);
  }
});

Deno.test("createHub() sends live viewers what was written with ids that were taken back, however much it is", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const announced = open();
  await announced.untilReady();
  const early = database.snapshot();
  database.insert("kept");
  const { xmax } = parseCursor(database.snapshot());
  for (let i = 0; i < 9; i++) {
    const undone = database.begin();
    undone.insert("rolled back");
    undone.rollback();
  }
  database.insert("also kept");
  database.insert("the last");
  clock.advance(20);
  await announced.untilLog("the last");
  // Its cursor is from the table and claims the same.
  const fetched = open("level=info", { since: asOld(early) });
  await fetched.untilLog("the last");
  await turn();
  database.disconnect();
  database.crash(xmax);
  database.insert(...Array.from({ length: CATCH_UP_LIMIT + 5 }, (_, i) => `${i}`));
  hub.restarted(xmax, database.started);
  database.reconnect();
  for (const viewer of [announced, fetched]) {
    await viewer.untilLog(`${CATCH_UP_LIMIT + 4}`);
    const missed = viewer.gaps.reduce((sum, gap) => sum + gap.missed, 0);
    assert.equal(new Set(viewer.messages).size + missed, 3 + CATCH_UP_LIMIT + 5);
  }
});

Deno.test("createHub() takes nothing from a cursor that is younger than the restart, which the listener noticed late", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const first = open();
  await first.untilReady();
  const early = database.snapshot();
  const { xmax } = parseCursor(early);
  // Asked before the restart, answered after it: it waited for its turn.
  const gate = Promise.withResolvers<void>();
  database.gate = gate.promise;
  const waits = open("level=info", { since: asOld(early) });
  await turn();
  // The database is back already, its listener is cut off and does not know it.
  database.announces = false;
  database.crash(xmax);
  database.gate = null;
  database.insert(...Array.from({ length: CATCH_UP_LIMIT + GAP_HEAD + 5 }, (_, i) => `${i}`));
  gate.resolve();
  await waits.until(({ gaps }) => gaps.length > 0);
  const since = asOld(database.snapshot());
  const returns = open("", { since });
  await turn();
  const late = Promise.withResolvers<void>();
  database.gate = late.promise;
  const asks = open("service=api", { since });
  await turn();
  database.gate = null;
  database.disconnect();
  hub.restarted(xmax, database.started);
  database.announces = true;
  database.reconnect();
  database.insert("live");
  clock.advance(20);
  await Promise.all([returns, waits, first].map((viewer) => viewer.untilLog("live")));
  late.resolve();
  await asks.untilLog("live");
  const missed = ({ gaps }: TestViewer) => gaps.map(({ missed }) => missed);
  for (const viewer of [returns, asks]) {
    assert.deepEqual([viewer.messages, missed(viewer)], [["live"], []], "it has had all that came before");
  }
  assert.deepEqual([new Set(waits.messages).size, missed(waits)], [CATCH_UP_LIMIT + GAP_HEAD + 1, [5]]);
  assert.equal(first.messages.length + (first.gaps[0]?.missed ?? 0), CATCH_UP_LIMIT + GAP_HEAD + 6);
});

/** A cursor that memory does not know. */
function asOld(cursor: string): string {
  const { xmax } = parseCursor(cursor);
  return `${xmax - 7n}:${xmax}:`;
}

Deno.test("createHub() shows what was not announced to whoever stands behind, however much that was", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const stays = open();
  const slow = open("", { reads: false });
  await stays.untilReady();
  const since = database.snapshot();
  database.announces = false;
  database.insert("not announced");
  database.announces = true;
  for (let i = 0; i < 150; i++) {
    database.insert({ message: `${i}`, service: "s".repeat(20_000) });
    clock.advance(20);
    await turn();
  }
  await stays.untilLog("149");
  // It was written a cursor that claims it, and is fetched for now.
  const fetched = open("level=info", { reads: false, since: asOld(stays.cursor ?? "") });
  database.announces = false;
  database.insert(...Array.from({ length: CATCH_UP_LIMIT }, (_, i) => `late ${i}`));
  database.announces = true;
  await turn();
  hub.missed(since);
  await turn();
  await turn();
  for (const viewer of [slow, fetched]) viewer.read();
  for (const viewer of [stays, slow, fetched]) {
    await viewer.untilLog(`late ${CATCH_UP_LIMIT - 1}`);
    database.insert("end");
    await turn();
    clock.advance(20);
    await viewer.untilLog("end");
    const missed = viewer.gaps.reduce((sum, gap) => sum + gap.missed, 0);
    assert.ok(viewer.messages.includes("not announced") || missed > 0);
  }
});

Deno.test("createHub() shows what was not announced to everybody, also where it was fetched for one before", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const stays = open();
  await stays.untilReady();
  const since = database.snapshot();
  database.announces = false;
  database.insert("not announced");
  database.announces = true;
  database.insert("announced");
  clock.advance(20);
  await stays.untilLog("announced");
  const tails = open("", { tail: 10 });
  await tails.untilLog("not announced");
  hub.missed(since);
  await turn();
  clock.advance(20);
  await stays.untilLog("not announced");
});

Deno.test("createHub() goes on in memory where most of what may not have been announced was", async () => {
  await using test = testHub();
  const { hub, database, clock, open } = test;
  const viewer = open();
  await viewer.untilReady();
  const since = database.snapshot();
  database.announces = false;
  database.insert("not announced");
  database.announces = true;
  database.insert(...Array.from({ length: CATCH_UP_LIMIT + 100 }, (_, i) => `${i}`));
  await turn();
  clock.advance(20);
  await viewer.untilLog(`${CATCH_UP_LIMIT + 99}`);
  hub.missed(since);
  await turn();
  clock.advance(20);
  await viewer.untilLog("not announced");
  assert.deepEqual(viewer.gaps, []);
  assert.equal(viewer.messages.length, CATCH_UP_LIMIT + 101);
  assert.equal(hub.counts.fetches, 0);
});

Deno.test("createHub() asks nothing any more once it was closed", async () => {
  await using test = testHub();
  const { hub, database, open, errors } = test;
  const viewer = open();
  await viewer.untilReady();
  hub.close();
  database.failures = 1000;
  // An answer to LISTEN that was on its way.
  hub.listening(1, true);
  for (let i = 0; i < 20; i++) await turn();
  assert.deepEqual(errors, []);
});
