import assert from "node:assert/strict";
import fc from "fast-check";
import { type Entry, logEntry, MOST_CHARACTERS, NO_TALLY, weight } from "./entries.ts";
import { EMPTY_BATCH, EMPTY_LIST, receive, resume, type Stance, type TailList } from "./list.ts";

const FOLLOW: Stance = { kind: "follow" };
const PAUSE: Stance = { kind: "pause" };

function log(id: number, level: "info" | "error" = "info"): Entry {
  const timestamp = new Date(Date.UTC(2026, 0, 1) + id * 1000).toISOString();
  return logEntry({ id, timestamp, level, service: "api", message: `message ${id}` });
}

function logs(from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => log(from + i));
}

function arrive(list: TailList, entries: Entry[], stance: Stance, cap: number): TailList {
  return receive(list, { entries, overflow: null }, stance, cap);
}

const keys = (entries: readonly Entry[]) => entries.map(({ key }) => key);

Deno.test("receive() keeps the newest rows up to the cap while the reader follows", () => {
  const list = arrive(EMPTY_LIST, logs(1, 7), FOLLOW, 5);
  assert.deepEqual(keys(list.rows), ["3", "4", "5", "6", "7"]);
  assert.deepEqual(list.fresh, NO_TALLY);
});

Deno.test("receive() moves nothing while paused, and counts what waits", () => {
  const before = arrive(EMPTY_LIST, logs(1, 3), FOLLOW, 5);
  const paused = arrive(before, [log(4), log(5, "error")], PAUSE, 5);
  assert.equal(paused.rows, before.rows);
  assert.deepEqual(paused.fresh, { logs: 2, errors: 1 });
  assert.deepEqual(keys(resume(paused, 5).rows), ["1", "2", "3", "4", "5"]);
});

Deno.test("receive() while paused drops the oldest that wait and says how many", () => {
  const paused = arrive(arrive(EMPTY_LIST, logs(1, 5), FOLLOW, 5), logs(6, 20), PAUSE, 5);
  assert.deepEqual(keys(paused.waiting), ["17", "18", "19", "20"]);
  assert.deepEqual(paused.overflow, {
    missed: 11,
    from: "2026-01-01T00:00:06.000Z",
    to: "2026-01-01T00:00:16.000Z",
  });
  assert.deepEqual(paused.fresh, { logs: 15, errors: 0 });
  const [marker, ...rest] = resume(paused, 5).rows;
  assert.ok(marker?.kind === "gap" && marker.cause === "held" && marker.gap.missed === 11);
  assert.deepEqual(keys(rest), ["17", "18", "19", "20"]);
});

Deno.test("receive() adds below a reader for as long as only rows above the viewport go", () => {
  const full = arrive(EMPTY_LIST, logs(1, 5), FOLLOW, 5);
  const read = arrive(full, logs(6, 10), { kind: "read", above: 2 }, 5);
  assert.deepEqual(keys(read.rows), ["3", "4", "5", "6", "7"]);
  assert.deepEqual(keys(read.waiting), ["8", "9", "10"]);
  assert.deepEqual(read.fresh, { logs: 5, errors: 0 });
});

Deno.test("receive() of nothing lets waiting rows in once the reader has scrolled on", () => {
  const full = arrive(EMPTY_LIST, logs(1, 5), FOLLOW, 5);
  const held = arrive(full, logs(6, 8), { kind: "read", above: 0 }, 5);
  assert.deepEqual(keys(held.rows), ["1", "2", "3", "4", "5"]);
  const scrolled = receive(held, EMPTY_BATCH, { kind: "read", above: 2 }, 5);
  assert.deepEqual(keys(scrolled.rows), ["3", "4", "5", "6", "7"]);
  assert.deepEqual(scrolled.fresh, { logs: 3, errors: 0 });
});

Deno.test("receive() counts what a full buffer lost, and all that waited before it", () => {
  const held = arrive(arrive(EMPTY_LIST, logs(1, 5), FOLLOW, 5), logs(6, 7), PAUSE, 5);
  const gap = { missed: 10, from: "2026-01-01T00:00:08.000Z", to: "2026-01-01T00:00:17.000Z" };
  const list = receive(
    held,
    { entries: logs(18, 22), overflow: { gap, torn: null, tally: { logs: 10, errors: 2 } } },
    PAUSE,
    5,
  );
  assert.equal(list.overflow?.missed, 13);
  assert.equal(list.overflow?.from, "2026-01-01T00:00:06.000Z");
  assert.deepEqual(list.fresh, { logs: 17, errors: 2 });
});

Deno.test("receive() keeps a gap of the stream on top when the rows above it go, and counts them to it", () => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
  const torn: Entry = {
    kind: "gap",
    key: "gap-0",
    gap: { missed: 1000, from: at(3), to: at(4) },
    cause: "stream",
  };
  const before = arrive(EMPTY_LIST, [log(1), log(2), torn, log(5), log(6)], FOLLOW, 5);
  const after = arrive(before, logs(7, 10), FOLLOW, 5);
  assert.deepEqual(keys(after.rows), ["gap-0", "7", "8", "9", "10"]);
  assert.deepEqual(after.rows[0], { ...torn, gap: { missed: 1002, from: at(3), to: at(6) } });
  const read = arrive(after, logs(11, 12), { kind: "read", above: 2 }, 5);
  assert.deepEqual(keys(read.rows), ["gap-0", "8", "9", "10", "11"], "the first visible row stays");
  assert.deepEqual(keys(read.waiting), ["12"]);
});

Deno.test("receive() shows a gap that a full buffer lost as a row", () => {
  const gap = { missed: 10_000, from: "2026-01-01T00:00:08.000Z", to: "2026-01-01T00:00:17.000Z" };
  const overflow = { gap: { ...gap, missed: 10_500 }, torn: gap, tally: { logs: 9000, errors: 0 } };
  const list = receive(
    arrive(EMPTY_LIST, logs(1, 3), FOLLOW, 5),
    { entries: logs(18, 22), overflow },
    FOLLOW,
    5,
  );
  const [first, ...rest] = list.rows;
  assert.ok(first?.kind === "gap" && first.cause === "stream" && first.gap.missed === 10_001);
  assert.deepEqual(keys(rest), ["19", "20", "21", "22"]);
  const untorn = { ...overflow, torn: null };
  const later = receive(list, { entries: logs(43, 47), overflow: untorn }, FOLLOW, 5);
  assert.ok(
    later.rows[0]?.kind === "gap" && later.rows[0].gap.missed === 20_506,
    "the gap that stands takes it",
  );
  assert.deepEqual(
    keys(receive(EMPTY_LIST, { entries: logs(18, 22), overflow: untorn }, FOLLOW, 5).rows).length,
    5,
  );
});

Deno.test("receive() of nothing leaves the list as it is", () => {
  const list = arrive(EMPTY_LIST, logs(1, 3), FOLLOW, 5);
  for (const stance of [FOLLOW, PAUSE, { kind: "read", above: 1 }] as const) {
    assert.equal(receive(list, EMPTY_BATCH, stance, 5), list);
  }
});

Deno.test("receive() loses no log without a word, whatever the reader does", () => {
  const step = fc.record({
    count: fc.integer({ min: 0, max: 12 }),
    stance: fc.oneof(
      fc.constant(FOLLOW),
      fc.constant(PAUSE),
      fc.integer({ min: 0, max: 12 }).map((above): Stance => ({ kind: "read", above })),
    ),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 2, max: 10 }), (steps, cap) => {
    let list = EMPTY_LIST;
    let next = 1;
    let away = 0;
    for (const { count, stance } of steps) {
      const before = list;
      list = arrive(list, logs(next, next + count - 1), stance, cap);
      next += count;
      away = stance.kind === "follow" ? 0 : away + count;

      assert.ok(list.rows.length <= cap && list.waiting.length < cap);
      assert.equal(list.fresh.logs, away);
      if (stance.kind === "follow") assert.equal(list.waiting.length, 0);
      if (stance.kind === "pause") assert.equal(list.rows, before.rows);
      // What the reader looks at stays.
      if (stance.kind === "read") {
        const seen = before.rows.slice(stance.above);
        const start = seen[0] ? list.rows.indexOf(seen[0]) : 0;
        assert.deepEqual(list.rows.slice(start, start + seen.length), seen);
      }
      // From the oldest row on, every log is a row, waits, or is counted, and their order is that of arrival.
      const order = [...list.rows, ...list.waiting].filter((entry) => entry.kind === "log").map((e) =>
        +e.key
      );
      assert.deepEqual(order, [...order].sort((a, b) => a - b));
      const counted = [...list.rows].reduce((sum, e) => sum + (e.kind === "gap" ? e.gap.missed : 0), 0) +
        (list.overflow?.missed ?? 0);
      const oldest = list.rows[0];
      const gap = oldest?.kind === "gap" ? oldest.gap : oldest ? null : list.overflow;
      const first = gap ? (Date.parse(gap.from) - Date.UTC(2026, 0, 1)) / 1000 : order[0] ?? next;
      assert.equal(order.length + counted, next - first);
    }
  }));
});

Deno.test("receive() and resume() keep less where rows are long, and say what they dropped", () => {
  const long = (from: number, to: number) =>
    logs(from, to).map((entry) =>
      entry.kind === "log" ? logEntry({ ...entry.log, message: "x".repeat(4000) }) : entry
    );
  const total = (entries: readonly Entry[]) => entries.reduce((sum, entry) => sum + weight(entry), 0);
  const cap = 10_000;
  let list = arrive(EMPTY_LIST, long(1, 6000), FOLLOW, cap);
  const most = Math.floor(MOST_CHARACTERS / weight(long(1, 1)[0] ?? log(1)));
  assert.deepEqual([list.rows.length, list.rows.at(-1)?.key], [most, "6000"]);

  // Somebody reads: what comes in pushes out only what is above.
  const top = list.rows[100];
  list = arrive(list, long(6001, 6300), { kind: "read", above: 100 }, cap);
  assert.equal(list.rows[0], top);
  assert.equal(list.rows.at(-1)?.key, "6100");
  assert.equal(list.waiting.length, 200);
  list = arrive(list, long(6301, 12_300), PAUSE, cap);
  assert.ok(total(list.rows) <= MOST_CHARACTERS && total(list.waiting) <= MOST_CHARACTERS);
  assert.equal((list.overflow?.missed ?? 0) + list.waiting.length, 6200);
  list = resume(list, cap);
  assert.ok(total(list.rows) <= MOST_CHARACTERS);
  assert.equal(list.rows.at(-1)?.key, "12300");
});
