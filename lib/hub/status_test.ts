import assert from "node:assert/strict";
import { testHub } from "./_testing.ts";

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
  hub.restarted(BigInt(xid ?? 0));
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
    hub.restarted(1000n);
    hub.restarted(xid);
    database.reconnect();
    await viewer.until(({ ended }) => ended);
  }
});
