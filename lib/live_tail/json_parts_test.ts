import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonParts, MOST_JSON } from "./json_parts.ts";

Deno.test("jsonParts() tells keys from strings, numbers and words", () => {
  const text = JSON.stringify({ 'a"b': "c: 1", n: -1.5e3, ok: true, none: null });
  const kinds = jsonParts(text).filter(({ kind }) => kind !== "other").map(({ kind, text }) =>
    `${kind} ${text}`
  );
  assert.deepEqual(kinds, [
    String.raw`key "a\"b"`,
    'string "c: 1"',
    'key "n"',
    "number -1500",
    'key "ok"',
    "word true",
    'key "none"',
    "word null",
  ]);
});

Deno.test("jsonParts() keeps every character in its place", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = JSON.stringify(value, null, 2);
    assert.equal(jsonParts(text).map((part) => part.text).join(""), text);
  }));
  assert.equal(jsonParts("1".repeat(MOST_JSON + 1)).length, 1);
});
