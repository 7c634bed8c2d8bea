import assert from "node:assert/strict";
import fc from "fast-check";
import { createToken, hashToken, isSameHash, isToken, parseDuration, prefixOf, tokenOf } from "./token.ts";

Deno.test("createToken() writes 32 bytes so that no two are the same", () => {
  assert.equal(createToken(new Uint8Array(32)), `tp_${"0".repeat(43)}`);
  const largest = createToken(new Uint8Array(32).fill(255));
  assert.ok(isToken(largest), largest);
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(fc.property(bytes, bytes, (a, b) => {
    assert.ok(isToken(createToken(a)));
    assert.equal(createToken(a) === createToken(b), isSameHash(a, b));
  }));
  assert.notEqual(createToken(), createToken());
});

Deno.test("isToken() takes nothing else", () => {
  const token = createToken();
  for (
    const text of [
      "",
      "tp_",
      token + "0",
      token.slice(1),
      ` ${token}`,
      token.replace("tp_", "TP_"),
      `${token}\n`,
    ]
  ) {
    assert.equal(isToken(text), false, text);
  }
});

Deno.test("hashToken() is SHA-256, and isSameHash() compares all of it", () => {
  const hash = hashToken("abc");
  assert.deepEqual([...hash.slice(0, 4)], [0xba, 0x78, 0x16, 0xbf]);
  assert.equal(isSameHash(hash, hashToken("abc")), true);
  assert.equal(isSameHash(hash, hash.slice(0, 31)), false);
  assert.equal(isSameHash(hash, hash.map((byte, i) => i === 31 ? byte ^ 1 : byte)), false);
});

Deno.test("prefixOf() leaves more than 200 bits to guess", () => {
  const token = createToken();
  assert.equal(prefixOf(token).length, 9);
  assert.ok(token.startsWith(prefixOf(token)));
});

Deno.test("tokenOf() reads a bearer token or an API key, and no other kind of Authorization", () => {
  const of = (headers: Record<string, string>) => tokenOf(new Headers(headers));
  assert.equal(of({ authorization: "Bearer a" }), "a");
  assert.equal(of({ authorization: "bearer  a " }), "a");
  assert.equal(of({ "x-api-key": "a" }), "a");
  assert.equal(of({ authorization: "Bearer a", "x-api-key": "b" }), "a");
  assert.equal(of({ authorization: "Basic YTpi", "x-api-key": "b" }), "b");
  assert.equal(of({ authorization: "Basic YTpi" }), null);
  assert.equal(of({ authorization: "Bearer a b" }), null);
  assert.equal(of({}), null);
});

Deno.test("parseDuration() knows seconds to years", () => {
  assert.equal(parseDuration("90d"), 90 * 86_400);
  assert.equal(parseDuration("12h"), 43_200);
  for (const text of ["", "90", "d", "0d", "-1d", "1.5h", "90 d", "100000d", "1month"]) {
    assert.equal(parseDuration(text), null, text);
  }
});
