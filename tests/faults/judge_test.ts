import assert from "node:assert/strict";
import { covers, gapError, isClean, judge, sees } from "./judge.ts";
import { Ledger, type Said } from "./ledger.ts";
import { createReader } from "./stream.ts";

function ledgerOf(...streams: Said[][]): Ledger {
  const ledger = new Ledger();
  for (const stream of streams) {
    ledger.connected();
    for (const said of stream) ledger.hear(said);
    ledger.disconnected();
  }
  return ledger;
}

const log = (id: number): Said => ({ kind: "log", id, n: id + 100 });
const cursor = (cursor: string): Said => ({ kind: "cursor", cursor });
const gap = (missed: number): Said => ({ kind: "gap", missed });
/** Each written by a transaction of its own. */
const rows = (...ids: number[]) => ids.map((id) => ({ id, n: id + 100, xid: id + 1000, isExpected: true }));

Deno.test("judge() finds nothing where every log came once", () => {
  const verdict = judge(rows(1, 2, 3), ledgerOf([log(2), log(1)], [log(1), log(3)]));
  assert.ok(isClean(verdict));
});

Deno.test("judge() names what is missing, unless it was there before", () => {
  const all = [...rows(1, 2, 3), { id: 4, n: 104, xid: 1004, isExpected: false }];
  const verdict = judge(all, ledgerOf([log(2)]));
  assert.deepEqual(verdict.missing, [1, 3]);
  assert.ok(!isClean(verdict));
});

Deno.test("judge() names what is no log of the viewer, or has another one's message", () => {
  const verdict = judge(rows(1, 2), ledgerOf([log(1), { kind: "log", id: 2, n: 101 }, log(3)]));
  assert.deepEqual(verdict.foreign, [2, 3]);
});

Deno.test("judge() takes what a gap covers for announced, and checks its count", () => {
  const [a, b] = [cursor("1002:1002:"), cursor("1005:1005:")];
  const ledger = ledgerOf([log(1), a], [gap(2), log(4), b]);
  assert.ok(isClean(judge(rows(1, 2, 3, 4), ledger)));
  const tooFew = ledgerOf([log(1), a], [gap(1), log(4), b]);
  assert.equal(judge(rows(1, 2, 3, 4), tooFew).unannounced, 1);
  const tooMany = ledgerOf([log(1), a], [gap(3), log(4), b]);
  assert.equal(judge(rows(1, 2, 3, 4), tooMany).unannounced, 1);
  // The cursor after it does not see the last one: the gap was not about that.
  assert.deepEqual(judge(rows(1, 2, 3, 4, 5), ledger).missing, [5]);
  const running = ledgerOf([log(1), a], [gap(2), log(4), cursor("1002:1005:1002")]);
  const verdict = judge(rows(1, 2, 3, 4), running);
  assert.deepEqual([verdict.missing, verdict.unannounced], [[2], 1]);
});

Deno.test("sees() reads snapshots as PostgreSQL does", () => {
  const seen = sees("5:9:5,7");
  assert.deepEqual([4, 5, 6, 7, 8, 9, 10].map(seen), [true, false, true, false, true, false, false]);
  assert.ok(sees("9:9:")(8));
});

Deno.test("covers() compares what snapshots see", () => {
  assert.ok(covers("9:9:", "5:9:5,7"));
  assert.ok(covers("5:9:5,7", "5:9:5,7"));
  assert.ok(!covers("5:9:5,7", "9:9:"));
  // 8 still runs in the one, and had ended in the other.
  assert.ok(!covers("8:12:8", "10:10:"));
  assert.ok(covers("10:12:10", "10:10:"));
  // It ends earlier, and all that comes then was still running, or was not.
  assert.ok(covers("5:7:5", "5:9:5,7,8"));
  assert.ok(!covers("5:7:5", "5:9:5,7"));
});

Deno.test("gapError() wants the count of what did not come, and allows for what came before", () => {
  const confirmed = { since: "a", cursor: "b", sent: new Set([1, 4]), had: new Set([2, 9]) };
  const errors = [0, 1, 2, 3, 4].map((missed) => gapError({ ...confirmed, missed }, rows(2, 3, 4, 5)));
  assert.deepEqual(errors, [2, 1, 0, 0, 1]);
});

Deno.test("gapError() allows for what was there before the viewer was", () => {
  const confirmed = { since: "a", cursor: "b", sent: new Set<number>(), had: new Set<number>() };
  const window = [...rows(2, 3), { id: 4, isExpected: false }];
  const errors = [1, 2, 3, 4].map((missed) => gapError({ ...confirmed, missed }, window));
  assert.deepEqual(errors, [1, 0, 0, 1]);
});

Deno.test("Ledger.hear() forgets a gap that no cursor has confirmed", () => {
  const ledger = ledgerOf([cursor("a"), gap(7), log(1)], [log(5), gap(9), log(2), cursor("b"), log(3)]);
  assert.deepEqual(ledger.gaps, [{
    missed: 9,
    since: "a",
    cursor: "b",
    sent: new Set([2]),
    had: new Set([1, 5]),
  }]);
  assert.equal(ledger.cursor, "b");
});

Deno.test("Ledger.hear() keeps its cursor when a resumed stream is ready", () => {
  const ready: Said = { kind: "ready", database: "connected", cursor: "newer" };
  assert.equal(ledgerOf([ready]).cursor, "newer");
  assert.equal(ledgerOf([cursor("a")], [ready]).cursor, "a");
});

Deno.test("Ledger.hear() tells what its client would show twice", () => {
  const ledger = ledgerOf([log(1), log(1)]);
  assert.deepEqual([ledger.overlap, ledger.repeated], [1, []]);
  for (let id = 2; id < 20_010; id++) ledger.hear(log(id));
  ledger.hear(log(1));
  assert.deepEqual(ledger.repeated, [1]);
});

Deno.test("createReader() reads blocks in their order, however they are cut", () => {
  const text =
    'retry: 2000\n: connected\n\nevent: ready\ndata: {"database":"connected","cursor":"1:1:"}\n\n' +
    'data: {"id":5,"message":"#17 text"}\n\nid: 1:2:\n\n: heartbeat\n\nevent: gap\ndata: {"missed":3}\n\nid: 1:';
  for (const size of [1, 7, text.length]) {
    const heard: Said[] = [];
    const read = createReader((said) => heard.push(said));
    for (let at = 0; at < text.length; at += size) read(text.slice(at, at + size));
    assert.deepEqual(heard, [
      { kind: "ready", database: "connected", cursor: "1:1:" },
      { kind: "log", id: 5, n: 17 },
      { kind: "cursor", cursor: "1:2:" },
      { kind: "gap", missed: 3 },
    ]);
  }
});
