import assert from "node:assert/strict";
import fc from "fast-check";
import { flatJson, isJson, prettyJson } from "./json_text.ts";

Deno.test("isJson() is for objects and arrays, whole ones only", () => {
  for (const text of ["{}", "[]", ' {"a":[1,2]}\n', '[{"a":null}]']) assert.ok(isJson(text), text);
  for (const text of ["", "7", '"a"', "null", "{", "{]", "{a}", "[INFO] started [ok]", '{"a":1} and more']) {
    assert.ok(!isJson(text), text);
  }
});

Deno.test("prettyJson() writes objects and arrays as JSON.stringify() does, whatever they hold", () => {
  const value = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
  fc.assert(fc.property(value, fc.constantFrom(undefined, 1, "\t"), (value, space) => {
    const text = JSON.stringify(value, null, space);
    assert.equal(prettyJson(text), JSON.stringify(JSON.parse(text), null, 2));
    assert.deepEqual(JSON.parse(flatJson(text)), JSON.parse(text));
    assert.ok(!flatJson(text).includes("\n"));
  }));
});

Deno.test("prettyJson() changes white space alone", () => {
  assert.equal(
    prettyJson('{"id":12345678901234567890,"a":1,"a":2.50,"s":"x\\\\\\" , : {"}'),
    '{\n  "id": 12345678901234567890,\n  "a": 1,\n  "a": 2.50,\n  "s": "x\\\\\\" , : {"\n}',
  );
  assert.equal(prettyJson("not JSON"), "not JSON");
});

Deno.test("prettyJson() of what is nested deeply stays bounded", () => {
  const deep = "[".repeat(2000) + "]".repeat(2000);
  assert.ok(prettyJson(deep).length < 100 * deep.length);
});
