import assert from "node:assert/strict";
import fc from "fast-check";
import { createBuckets } from "./buckets.ts";

function setUp(more: Partial<Parameters<typeof createBuckets>[0]> = {}) {
  const time = { now: 0 };
  const buckets = createBuckets({ rate: 10, burst: 20, most: 100, now: () => time.now, ...more });
  return { time, buckets };
}

Deno.test("createBuckets() gives the burst at once, and says exactly when there is more", () => {
  const { time, buckets } = setUp();
  for (let i = 0; i < 20; i++) assert.equal(buckets.take("a", 1), 0);
  assert.equal(buckets.take("a", 1), 100);
  time.now = 99;
  assert.ok(Math.abs(buckets.take("a", 1) - 1) < 1e-6);
  time.now = 100;
  assert.equal(buckets.take("a", 1), 0);
  assert.equal(buckets.take("b", 20), 0);
});

Deno.test("createBuckets() lets a batch through that is larger than the bucket, and has it paid back", () => {
  const { time, buckets } = setUp();
  assert.equal(buckets.take("a", 1000), 0);
  assert.equal(buckets.wait("a"), 98_100);
  time.now = 98_100;
  assert.equal(buckets.take("a", 1000), 0);
});

Deno.test("createBuckets() gives no more than the burst after a long time, and takes back what failed", () => {
  const { time, buckets } = setUp();
  buckets.take("a", 20);
  buckets.giveBack("a", 5);
  assert.equal(buckets.take("a", 5), 0);
  time.now = 1e9;
  assert.equal(buckets.take("a", 20), 0);
  assert.equal(buckets.take("a", 1), 100);
  buckets.giveBack("a", 100);
  assert.equal(buckets.size, 0);
});

Deno.test("createBuckets() remembers a bounded number of keys, and forgets what was used longest ago", () => {
  const { buckets } = setUp({ most: 2 });
  buckets.take("a", 20);
  buckets.take("b", 19);
  buckets.take("b", 1);
  buckets.take("c", 20);
  assert.equal(buckets.size, 2);
  assert.equal(buckets.wait("a"), 0);
  assert.ok(buckets.wait("b") > 0 && buckets.wait("c") > 0);
});

Deno.test("createBuckets() lets no more through in any time than the burst, the rate and one batch", () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 500 }), amount: fc.integer({ min: 1, max: 50 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const { time, buckets } = setUp();
    let taken = 0;
    for (const { wait, amount } of steps) {
      time.now += wait;
      const until = buckets.take("a", amount);
      if (until > 0) {
        // It says the exact moment.
        time.now += until;
        assert.equal(buckets.take("a", amount), 0);
      }
      taken += amount;
      assert.ok(taken <= 20 + time.now / 1000 * 10 + 50);
    }
  }));
});
