import assert from "node:assert/strict";
import fc from "fast-check";
import { printable, printableLine, printableRecord } from "./printable.ts";

Deno.test("printable() leaves nothing that a terminal obeys, and all that people write", () => {
  assert.equal(printable("a\tb\nc é ש 💩"), "a\tb\nc é ש 💩");
  assert.equal(
    printable("\u001b]0;x\u0007\u009b31m\r\u202ey\u007f\0"),
    "\\u001b]0;x\\u0007\\u009b31m\\u000d\\u202ey\\u007f\\u0000",
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(
      printable(text),
      // deno-lint-ignore no-control-regex -- what must be gone
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u,
    );
  }));
});

Deno.test("printable() keeps JSON what it was", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(
      JSON.parse(printable(JSON.stringify(text))),
      text.toWellFormed() === text ? text : JSON.parse(JSON.stringify(text)),
    );
  }));
});

Deno.test("printableLine() and printableRecord() let nothing begin a line of its own", () => {
  assert.equal(printableLine("a\nb\tc"), "a\\nb\\tc");
  assert.equal(printableRecord("a\n2026 [ERR] forged\r\nx"), "a\n    2026 [ERR] forged\\u000d\n    x");
  assert.equal(printableRecord("\u001b[31mred\u001b[0m \u001b[2J"), "\u001b[31mred\u001b[0m \\u001b[2J");
});
