import assert from "node:assert/strict";
import fc from "fast-check";
import { BACKOFF_CAP, BACKOFF_START, backoffDelay } from "./backoff.ts";

Deno.test("backoffDelay() doubles its bound with every attempt up to the cap", () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => backoffDelay(attempt, () => 0.999999));
  assert.deepEqual(most, [499, 999, 1999, 3999, 7999, 9999, 9999, 9999]);
});

Deno.test("backoffDelay() has full jitter: anything from nothing to the bound", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(fc.nat(), unit, (attempt, random) => {
    const delay = backoffDelay(attempt, () => random);
    assert.ok(Number.isInteger(delay) && delay >= 0);
    assert.ok(delay < Math.min(BACKOFF_CAP, BACKOFF_START * 2 ** attempt));
  }));
});
