import assert from "node:assert/strict";
import fc from "fast-check";
import { ALL, AROUND, isNearEdge, windowAround, windowAtEnd } from "./row_window.ts";

Deno.test("windowAround() draws what is in sight and some around it, and no more than that", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), fc.integer({ min: 1, max: 120 }), (count, at, view) => {
      const first = Math.min(at, Math.max(0, count - 1));
      const { start, end } = windowAround({ count, first, view });
      assert.ok(start >= 0 && end <= count && start <= end);
      assert.ok(start <= first && end >= Math.min(count, first + view));
      assert.ok(end - start <= Math.max(ALL, view + 2 * AROUND));
      assert.equal(isNearEdge({ start, end }, { count, first, view }), false);
    }),
  );
});

Deno.test("windowAround() keeps what is held, as far as it is there", () => {
  const sight = { count: 1000, first: 500, view: 30 };
  assert.deepEqual(windowAround(sight, { start: 100, end: 200 }), { start: 100, end: 590 });
  assert.deepEqual(windowAround(sight, { start: 900, end: 1200 }), { start: 440, end: 1000 });
  assert.deepEqual(windowAround(sight, { start: -50, end: 10 }), { start: 0, end: 590 });
});

Deno.test("windowAtEnd() draws the newest rows, and all where they are few", () => {
  assert.deepEqual(windowAtEnd({ count: 500, view: 30 }), { start: 410, end: 500 });
  assert.deepEqual(windowAtEnd({ count: 200, view: 30 }), { start: 0, end: 200 });
});

Deno.test("isNearEdge() asks for other rows before somebody sees the edge", () => {
  const drawn = { start: 440, end: 590 };
  assert.equal(isNearEdge(drawn, { count: 1000, first: 500, view: 30 }), false);
  assert.equal(isNearEdge(drawn, { count: 1000, first: 465, view: 30 }), true);
  assert.equal(isNearEdge(drawn, { count: 1000, first: 540, view: 30 }), true);
  assert.equal(isNearEdge({ start: 0, end: 90 }, { count: 90, first: 0, view: 30 }), false);
});
