import assert from "node:assert/strict";
import { LEVELS, parseLevel } from "./log.ts";

Deno.test("parseLevel() knows every level and common aliases, whatever the case", () => {
  for (const level of LEVELS) assert.equal(parseLevel(level.toUpperCase()), level);
  assert.equal(parseLevel("Warning"), "warn");
  assert.equal(parseLevel("CRITICAL"), "fatal");
  assert.equal(parseLevel("err"), "error");
});

Deno.test("parseLevel() knows nothing else", () => {
  for (const name of ["", "loud", "constructor", "__proto__", "infos"]) {
    assert.equal(parseLevel(name), undefined, name);
  }
});
