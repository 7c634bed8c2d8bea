import assert from "node:assert/strict";
import fc from "fast-check";
import { type RecentBounds, RecentIds, type RecentLog, RecentLogs, weight } from "./recent.ts";

function recentLog(id: number, { length = 0, truncated = false, whole = "" } = {}): RecentLog {
  const log = {
    id,
    timestamp: "2026-01-31T12:00:00.000Z",
    level: "info" as const,
    service: "api",
    message: "x".repeat(length),
    ...truncated ? { truncated: true as const } : {},
  };
  const { truncated: _, ...rest } = log;
  return { log, whole: whole === "" ? log : { ...rest, message: whole }, text: "" };
}

/** The same as {@link RecentLogs}, without any care for speed. */
class Model {
  logs: { position: number; log: RecentLog }[] = [];
  marks: { cursor: string; position: number }[] = [];
  next = 0;
  constructor(readonly bounds: RecentBounds) {}

  get first() {
    return this.logs[0]?.position ?? this.next;
  }

  push(log: RecentLog) {
    this.logs.push({ position: this.next++, log });
    const bytes = () => this.logs.reduce((sum, { log }) => sum + weight(log), 0);
    while (this.logs.length > this.bounds.logs || (this.logs.length > 1 && bytes() > this.bounds.bytes)) {
      this.logs.shift();
    }
  }

  mark(cursor: string) {
    const known = this.marks.find((mark) => mark.cursor === cursor);
    if (!known) this.marks.push({ cursor, position: this.next });
  }

  clear() {
    this.logs = [];
    this.next++;
  }

  positionAfter(cursor: string) {
    const position = this.marks.find((mark) => mark.cursor === cursor)?.position;
    return position !== undefined && position >= this.first ? position : null;
  }
}

type Step =
  | { readonly do: "push"; readonly length: number; readonly truncated: boolean; readonly whole: boolean }
  | { readonly do: "mark" }
  | { readonly do: "repeat"; readonly back: number }
  | { readonly do: "clear" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("push" as const),
        length: fc.nat(200),
        truncated: fc.boolean(),
        whole: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("mark" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("repeat" as const), back: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const) }) },
  ),
  { maxLength: 60 },
);

Deno.test("RecentLogs keeps what a plain list under the same bounds would", () => {
  const bounds = fc.record({
    logs: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(100)),
    bytes: fc.integer({ min: 1, max: 3000 }),
  });
  fc.assert(
    fc.property(bounds, steps, (bounds, steps) => {
      const recent = new RecentLogs(bounds);
      const model = new Model(bounds);
      const cursors: string[] = [];
      for (const [i, step] of steps.entries()) {
        if (step.do === "push") {
          const log = recentLog(i, { ...step, whole: step.whole ? "whole" : "" });
          recent.push(log);
          model.push(log);
        } else if (step.do === "clear") {
          recent.clear();
          model.clear();
        } else {
          // Some in a row share their xmax, as those of transactions that overlap do.
          const fresh = `1:${10 + Math.floor(i / 3)}:${i}`;
          const cursor = step.do === "repeat" ? cursors.at(-1 - step.back) ?? fresh : fresh;
          cursors.push(cursor);
          recent.mark(cursor);
          model.mark(cursor);
        }
        for (let position = recent.first; position < recent.next; position++) {
          const before = recent.cursorBefore(position);
          const first = model.marks.find((mark) => mark.cursor === before);
          assert.ok(before === null || (first && first.position <= position), "claims what comes later");
        }
        assert.deepEqual([recent.first, recent.next], [model.first, model.next]);
        for (let position = model.first - 2; position <= model.next; position++) {
          const kept = model.logs.find((log) => log.position === position)?.log;
          assert.equal(recent.at(position), kept);
        }
        const previews = model.logs.filter(({ log }) => log.whole.truncated).map(({ position }) => position);
        assert.ok(recent.previewOnly >= (previews.at(-1) ?? -1));
        if (previews.length === 0) assert.ok(recent.previewOnly < recent.first);
      }
      // It may forget cursors earlier than the model, for they are bounded too: never may it place one elsewhere.
      for (const cursor of cursors) {
        const position = recent.positionAfter(cursor);
        if (position !== null) assert.equal(position, model.positionAfter(cursor));
      }
      const last = cursors.at(-1);
      if (last !== undefined && bounds.logs > steps.length) {
        assert.equal(recent.positionAfter(last), model.positionAfter(last));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("RecentLogs forgets cursors under the same bound as logs", () => {
  const recent = new RecentLogs({ logs: 3, bytes: Infinity });
  const cursors = ["1:2:", "1:3:", "1:4:", "1:5:"];
  for (const cursor of cursors) recent.mark(cursor);
  assert.deepEqual(cursors.map((cursor) => recent.positionAfter(cursor)), [null, 0, 0, 0]);
});

Deno.test("RecentLogs never places a cursor that comes again behind logs that its holders have not seen", () => {
  const recent = new RecentLogs({ logs: 2, bytes: Infinity });
  // One transaction, so one snapshot, with more logs than are kept.
  for (let id = 0; id < 5; id++) {
    recent.mark("1:2:");
    recent.push(recentLog(id));
  }
  assert.equal(recent.positionAfter("1:2:"), null);
  recent.mark("1:3:");
  recent.push(recentLog(5));
  recent.mark("1:2:");
  assert.equal(recent.positionAfter("1:2:"), null, "of a transaction that was open for long");
  recent.clear();
  recent.mark("1:3:");
  assert.equal(recent.positionAfter("1:3:"), null);
});

Deno.test("RecentLogs places a cursor that is marked again where it was first", () => {
  const recent = new RecentLogs({ logs: 10, bytes: Infinity });
  recent.mark("1:2:");
  recent.push(recentLog(1));
  recent.mark("1:2:");
  assert.equal(recent.positionAfter("1:2:"), 0, "whoever holds it from a fetch has not seen the first log");
});

Deno.test("RecentLogs has for each log the newest cursor that claims nothing from there on", () => {
  const recent = new RecentLogs({ logs: 3, bytes: Infinity });
  recent.push(recentLog(1));
  recent.mark("1:2:");
  recent.push(recentLog(2));
  recent.push(recentLog(3));
  recent.mark("1:4:");
  recent.mark("1:3:");
  recent.push(recentLog(4));
  const cursors = [0, 1, 2, 3, 4].map((position) => recent.cursorBefore(position));
  assert.deepEqual(cursors, [null, "1:2:", "1:2:", "1:4:", null]);
});

Deno.test("RecentLogs keeps the newest log, however large", () => {
  const recent = new RecentLogs({ logs: 10, bytes: 100 });
  recent.push(recentLog(1, { length: 1000 }));
  recent.push(recentLog(2, { length: 1000 }));
  assert.deepEqual([recent.first, recent.next, recent.at(1)?.log.id], [1, 2, 2]);
});

Deno.test("RecentIds knows the newest ids up to its bound, and which of them are before a position", () => {
  fc.assert(fc.property(fc.array(fc.nat(20)), fc.integer({ min: 1, max: 8 }), (ids, bound) => {
    const recent = new RecentIds(bound);
    let model: { id: number; position: number }[] = [];
    for (const [position, id] of ids.entries()) {
      const isNew = !model.some((known) => known.id === id);
      assert.equal(recent.add(id, position), isNew);
      if (isNew) model = [...model, { id, position }].slice(-bound);
      for (let id = 0; id <= 20; id++) assert.equal(recent.has(id), model.some((known) => known.id === id));
      const before = model.filter((known) => known.position < position - 2).map(({ id }) => id);
      assert.deepEqual(recent.before(position - 2), before);
    }
  }));
});

Deno.test("RecentLogs remembers cursors of before a catch-up no more than those that were forgotten, and goes on with new ones", () => {
  const recent = new RecentLogs({ logs: 3, bytes: 1_000_000 });
  for (let i = 0; i < 10; i++) {
    recent.mark(`1:${10 + i}:`);
    recent.push(recentLog(i));
  }
  recent.markCaughtUp("1:20:5");
  recent.mark("1:20:5,6");
  assert.deepEqual([recent.positionAfter("1:20:5"), recent.positionAfter("1:20:5,6")], [10, null]);
  recent.markCaughtUp("1:20:");
  assert.equal(recent.positionAfter("1:20:"), 10);
  recent.forgetCursors();
  assert.deepEqual([recent.positionAfter("1:20:"), recent.cursorBefore(9)], [null, null]);
  assert.equal(recent.at(9)?.log.id, 9);
  for (let i = 0; i < 10; i++) {
    recent.mark(`1:${5 + i}:`);
    recent.push(recentLog(10 + i));
  }
  assert.deepEqual([recent.positionAfter("1:11:"), recent.positionAfter("1:12:")], [null, 17]);
  assert.equal(recent.cursorBefore(19), "1:14:");
});
