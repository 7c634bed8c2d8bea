import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError } from "./api_error.ts";
import { MOST_BUCKETS, readRateRange } from "./rate_range.ts";

const read = (query: string, now = 1_000_000_000) => readRateRange(new URLSearchParams(query), now);

Deno.test("readRateRange() reads times of both kinds, and counts the last 15 minutes without any", () => {
  assert.deepEqual(read(""), { from: 999_100_000, to: 1_000_000_000, step: 15_000, buckets: 60 });
  const range = { from: 1_767_225_600_000, to: 1_767_225_660_000, step: 1000, buckets: 60 };
  assert.deepEqual(read("from=2026-01-01T00:00:00Z&to=2026-01-01T01:01:00%2B01:00"), range);
  assert.deepEqual(read("from=1767225600000&to=1767225660000"), range);
  // Steps are whole milliseconds: there may be fewer of them, and the last may reach beyond.
  assert.deepEqual(read("from=0&to=10&buckets=300"), { from: 0, to: 10, step: 1, buckets: 10 });
  assert.deepEqual(read("from=0&to=100&buckets=30"), { from: 0, to: 100, step: 4, buckets: 25 });
  assert.deepEqual(read("from=0&to=101&buckets=30"), { from: 0, to: 104, step: 4, buckets: 26 });
});

Deno.test("readRateRange() covers what was asked for, in no more steps than that", () => {
  const time = fc.integer({ min: 0, max: 1_000_000_000 });
  fc.assert(
    fc.property(time, time, fc.integer({ min: 1, max: MOST_BUCKETS }), (a, b, most) => {
      fc.pre(a !== b);
      const [from, until] = [Math.min(a, b), Math.max(a, b)];
      const range = read(`from=${from}&to=${until}&buckets=${most}`);
      assert.equal(range.from, from);
      assert.equal(range.to, from + range.step * range.buckets);
      assert.ok(range.to >= until && range.to - range.step < until && range.buckets <= most);
    }),
  );
});

Deno.test("readRateRange() refuses what is no time, no range or too much", () => {
  for (
    const query of [
      "from=yesterday",
      "from=2026-02-30T99:00:00Z",
      "to=1e3",
      "from=99999999999999999",
      "from=5&to=5",
      "from=6&to=5",
      "from=0&to=2678400001",
      "buckets=0",
      "buckets=301",
    ]
  ) {
    assert.throws(() => read(query), (error) => error instanceof ApiError && error.status === 400, query);
  }
  assert.equal(read("from=0&to=2678400000").to, 2_678_400_000);
});
