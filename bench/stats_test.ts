import assert from "node:assert/strict";
import fc from "fast-check";
import { Histogram } from "./stats.ts";

const values = fc.array(fc.oneof(fc.nat(300), fc.nat(1e6), fc.maxSafeNat().map((value) => value % 2 ** 39)), {
  minLength: 1,
  maxLength: 200,
});

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

Deno.test("Histogram percentiles are never too low and at most 1.6 % too high", () => {
  fc.assert(fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
    const sorted = values.toSorted((a, b) => a - b);
    const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? NaN;
    const found = histogramOf(values).percentile(share);
    assert.ok(found >= exact && found <= exact * (1 + 1 / 64), `${found} for ${exact}`);
  }));
});

Deno.test("Histogram keeps count and maximum exactly", () => {
  fc.assert(fc.property(values, (values) => {
    const histogram = histogramOf(values);
    assert.equal(histogram.count, values.length);
    assert.equal(histogram.max, Math.max(...values));
    assert.equal(histogram.percentile(1), histogram.max);
  }));
});

Deno.test("Histogram.merge() counts as if all values had been added to one", () => {
  fc.assert(fc.property(values, values, (some, others) => {
    const merged = histogramOf(some);
    merged.merge(JSON.parse(JSON.stringify(histogramOf(others))));
    assert.deepEqual(merged.toJSON(), histogramOf([...some, ...others]).toJSON());
    assert.equal(merged.count, some.length + others.length);
  }));
});

Deno.test("Histogram bears nothing, negative values and values beyond its range", () => {
  assert.equal(new Histogram().percentile(0.5), NaN);
  assert.equal(histogramOf([-5]).percentile(0.5), 0);
  assert.equal(histogramOf([2 ** 52]).count, 1);
  assert.throws(() => new Histogram().merge({ buckets: [[1e9, 1]], max: 1 }), RangeError);
});
