import assert from "node:assert/strict";
import fc from "fast-check";
import { logEntry } from "./entries.ts";
import { createFrameBuffer } from "./frame_buffer.ts";
import type { Batch } from "./list.ts";

function setup(bound: number) {
  const frames: (() => void)[] = [];
  const batches: Batch[] = [];
  const clock = { now: 0 };
  const buffer = createFrameBuffer({
    now: () => clock.now,
    schedule: (run) => frames.push(run),
    flush: (batch) => batches.push(batch),
    bound: () => bound,
  });
  const push = (id: number, level: "info" | "fatal" = "info") =>
    buffer.push(logEntry({ id, timestamp: "2026-01-01T00:00:00.000Z", level, service: "api", message: "m" }));
  /** The next frame, which comes after a sixtieth of a second. */
  const frame = () => {
    clock.now += 1000 / 60;
    frames.splice(0).forEach((run) => run());
  };
  return { buffer, push, batches, frames, frame, clock };
}

Deno.test("createFrameBuffer() hands on once a frame, however many arrive", () => {
  const { push, batches, frames, frame } = setup(10);
  for (let id = 1; id <= 5; id++) push(id);
  assert.equal(frames.length, 1);
  assert.equal(batches.length, 0);
  frame();
  assert.deepEqual(batches.map(({ entries }) => entries.length), [5]);
  frame();
  push(6);
  frame();
  assert.equal(batches.length, 2);
});

Deno.test("createFrameBuffer() hands on every 50 ms where more come than anybody reads, and never waits for a clock", () => {
  const { push, batches, frame, clock } = setup(1000);
  const frames = (count: number, logs: number) => {
    for (let i = 0; i < count; i++) {
      for (let id = 0; id < logs; id++) push(clock.now * 100 + id);
      frame();
    }
    return batches.splice(0).map(({ entries }) => entries.length);
  };
  assert.deepEqual(frames(7, 17), [17, 51, 51], "the first at once");
  frames(3, 0);
  assert.deepEqual(frames(4, 2), [2, 2, 2, 2], "few are shown as they come");
  clock.now -= 60_000;
  assert.deepEqual(frames(1, 17), [17]);
});

Deno.test("createFrameBuffer() clear() throws away what has not been handed on", () => {
  const { buffer, push, batches, frame } = setup(10);
  push(1);
  buffer.clear();
  frame();
  assert.equal(batches.length, 0);
  push(2);
  frame();
  assert.deepEqual(batches[0]?.entries.map(({ key }) => key), ["2"]);
});

Deno.test("createFrameBuffer() without frames, as in a hidden tab, keeps the newest and counts the rest", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 60 }), (bound, count) => {
    const { push, batches, frame } = setup(bound);
    for (let id = 1; id <= count; id++) push(id, id === 1 ? "fatal" : "info");
    frame();
    const [batch] = batches;
    const lost = Math.max(0, count - bound);
    assert.deepEqual(
      batch?.entries.map(({ key }) => Number(key)),
      Array.from({ length: count - lost }, (_, i) => lost + 1 + i),
    );
    assert.equal(batch?.overflow?.tally.logs ?? 0, lost);
    assert.equal(batch?.overflow?.tally.errors ?? 0, lost > 0 ? 1 : 0);
    assert.equal(batch?.overflow?.gap?.missed ?? 0, lost);
  }));
});
