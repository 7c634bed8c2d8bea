import assert from "node:assert/strict";
import { type Entry, type GapEntry, logEntry } from "./entries.ts";
import { canFill, fill, idsIn, mark, MOST_ROWS, prepend, rangeBefore, rangeOf } from "./fill.ts";
import { EMPTY_LIST, type TailList } from "./list.ts";

const log = (id: number) => ({
  id,
  timestamp: new Date(Date.UTC(2026, 0, 1) + id * 1000).toISOString(),
  level: "info" as const,
  service: "api",
  message: `message ${id}`,
});

const gap = (missed: number): GapEntry => ({
  kind: "gap",
  key: "gap-0",
  gap: { missed, from: log(100).timestamp, to: log(199).timestamp },
  cause: "stream",
});

const listOf = (...rows: Entry[]): TailList => ({ ...EMPTY_LIST, rows });
const shown = ({ rows }: TailList) =>
  rows.map((entry) =>
    entry.kind === "log"
      ? entry.log.id
      : entry.kind === "gap"
      ? entry.gap
      : entry.kind === "note"
      ? entry.text
      : "later"
  );

Deno.test("rangeOf() reaches from the rows above a gap to those below, also where ids are out of order", () => {
  const rows = [log(8), log(7), log(9)].map(logEntry);
  const after = [log(201), log(199), log(205)].map(logEntry);
  assert.deepEqual(rangeOf(listOf(...rows, gap(5), ...after), "gap-0"), { after: 6, before: 206 });
  assert.deepEqual(rangeOf(listOf(gap(5)), "gap-0"), { after: null, before: null });
  assert.equal(rangeOf(listOf(...rows), "gap-0"), null);
});

Deno.test("rangeBefore() reaches up to the first rows, and not over a gap", () => {
  const rows = [log(8), log(7), log(9)].map(logEntry);
  assert.deepEqual(rangeBefore(listOf(...rows)), { before: 10, after: null });
  assert.deepEqual(rangeBefore(listOf(...rows, gap(5), logEntry(log(300)))), { before: 10, after: null });
  assert.equal(rangeBefore(listOf(gap(5), ...rows)), null);
  assert.equal(rangeBefore(EMPTY_LIST), null);
});

Deno.test("prepend() puts logs before the first row, oldest first", () => {
  const list = prepend(listOf(logEntry(log(8)), gap(5)), { logs: [log(7), log(5)], isAll: false });
  assert.deepEqual(shown(list), [5, 7, 8, gap(5).gap]);
});

Deno.test("fill() puts logs below the gap in the order of their ids, and the gap shrinks by them", () => {
  const list = listOf(
    logEntry(log(1)),
    mark(listOf(gap(100)), "gap-0", "running").rows[0] ?? gap(100),
    logEntry(log(200)),
  );
  const once = fill(list, "gap-0", { logs: [log(199), log(198)], isAll: false });
  const { from } = gap(100).gap;
  assert.deepEqual(shown(once), [1, { missed: 98, from, to: log(198).timestamp }, 198, 199, 200]);
  assert.deepEqual([...idsIn(once)], [1, 198, 199, 200]);
  const [, entry] = once.rows;
  assert.ok(entry?.kind === "gap" && canFill(once, entry), "it can be asked for again");
  const rest = Array.from({ length: 98 }, (_, i) => log(197 - i));
  assert.equal(shown(fill(once, "gap-0", { logs: rest, isAll: true })).length, 102, "no gap is left");
});

Deno.test("fill() says so when the logs of a gap are not there any more", () => {
  const list = fill(listOf(gap(1500), logEntry(log(200))), "gap-0", { logs: [log(199)], isAll: true });
  assert.deepEqual(shown(list), ["1,499 more are no longer in the database", 199, 200]);
  assert.equal(fill(list, "gap-0", { logs: [log(5)], isAll: true }).rows.length, 3, "the gap is gone");
});

Deno.test("canFill() is false while a gap is being filled, and when the list is full", () => {
  assert.ok(canFill(listOf(gap(5)), gap(5)));
  assert.ok(canFill(listOf(gap(5)), { ...gap(5), fetch: { problem: "away" } }));
  assert.ok(!canFill(listOf(gap(5)), { ...gap(5), fetch: "running" }));
  const full = listOf(...Array.from({ length: MOST_ROWS }, (_, i) => logEntry(log(i + 1))));
  assert.ok(!canFill(full, gap(5)));
});
