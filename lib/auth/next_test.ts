import assert from "node:assert/strict";
import fc from "fast-check";
import { HOME, safeNext } from "./next.ts";

Deno.test("safeNext() keeps a path of this site with its query", () => {
  assert.equal(safeNext("/logs/live?level=error&q=/a(b)?/"), "/logs/live?level=error&q=/a(b)?/");
  assert.equal(safeNext("/settings/tokens"), "/settings/tokens");
  assert.equal(safeNext("/a/../b"), "/b");
});

Deno.test("safeNext() never leaves the site, nor leads back to where one came from", () => {
  const bad = [
    null,
    "",
    "logs",
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/.//evil.example",
    "/x/..//evil.example",
    "/logs\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    " /logs",
    "/login",
    "/login/?next=/login",
    "/./logout",
    "/é",
  ];
  for (const next of bad) assert.equal(safeNext(next), HOME, String(next));
  const parts = fc.array(
    fc.constantFrom("/", "\\", ".", "..", "evil.example", ":", "@", "\t", "%2f", "?", "#", "x"),
  );
  fc.assert(fc.property(parts, (parts) => {
    const next = safeNext(parts.join(""));
    assert.equal(new URL(next, "https://here.example/login").origin, "https://here.example");
    assert.ok(!next.startsWith("//"));
  }));
});
