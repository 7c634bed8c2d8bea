import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLsn, LsnError, parseLsn } from "./lsn.ts";

Deno.test("parseLsn() reads what PostgreSQL writes", () => {
  assert.equal(parseLsn("16/B374D848"), 0x16b374d848n);
  assert.equal(parseLsn("0/0"), 0n);
  assert.equal(parseLsn("FFFFFFFF/FFFFFFFF"), 2n ** 64n - 1n);
  // Since version 19.
  assert.equal(parseLsn("0/01ABCDEF"), 0x1abcdefn);
});

Deno.test("parseLsn() refuses everything else", () => {
  for (const text of ["", "0", "/", "0/", "/0", "0/0/0", "0/G", "1/123456789", "-1/0", " 0/0", "0/0\n"]) {
    assert.throws(() => parseLsn(text), LsnError, text);
  }
});

Deno.test("formatLsn() is read back by parseLsn()", () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (lsn) => {
    assert.equal(parseLsn(formatLsn(lsn)), lsn);
  }));
});
