import assert from "node:assert/strict";
import fc from "fast-check";
import { widenXid } from "./wide_xid.ts";

Deno.test("widenXid() finds the id again from any that is less than 2^31 away", () => {
  const away = fc.bigInt(-(2n ** 31n) + 1n, 2n ** 31n - 1n);
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), away, (id, distance) => {
    const near = id + distance;
    fc.pre(near >= 0n && near < 2n ** 64n);
    assert.equal(widenXid(Number(id & 0xffffffffn), near), id);
  }));
});

Deno.test("widenXid() steps over the end of an epoch, both ways", () => {
  assert.equal(widenXid(5, 2n ** 32n - 3n), 2n ** 32n + 5n);
  assert.equal(widenXid(2 ** 32 - 3, 2n ** 32n + 5n), 2n ** 32n - 3n);
});

Deno.test("widenXid() never gives a negative id", () => {
  assert.equal(widenXid(2 ** 32 - 1, 3n), 2n ** 32n - 1n);
  assert.equal(widenXid(0, 0n), 0n);
});
