import assert from "node:assert/strict";
import fc from "fast-check";
import { createRecentIds } from "./recent_ids.ts";

Deno.test("createRecentIds() knows the newest ids and forgets the oldest", () => {
  const recent = createRecentIds(3);
  assert.deepEqual([1, 2, 3, 2, 4, 1].map((id) => recent.add(id)), [true, true, true, false, true, true]);
  assert.equal(recent.size, 3);
});

Deno.test("createRecentIds() lets every id of a bounded overlap through exactly once", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 40 })), (ids) => {
    const recent = createRecentIds(41);
    const shown = ids.filter((id) => recent.add(id));
    assert.deepEqual(shown, [...new Set(ids)]);
  }));
});
