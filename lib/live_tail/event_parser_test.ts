import assert from "node:assert/strict";
import fc from "fast-check";
import { createEventParser, MOST_BLOCK } from "./event_parser.ts";

function parse(...chunks: string[]) {
  const found: unknown[] = [];
  const feed = createEventParser({
    block: ({ event, data, id }) => found.push([event, data, id]),
    comment: () => found.push(":"),
  });
  chunks.forEach(feed);
  return found;
}

Deno.test("createEventParser() tells events, ids on their own and comments", () => {
  assert.deepEqual(
    parse("retry: 2000\n: connected\n\nevent: ready\ndata: {}\n\ndata:a\ndata: b\n\nid: 1:2:\n\n: beat\n\n"),
    [
      ":",
      ["ready", "{}", null],
      ["message", "a\nb", null],
      ["message", null, "1:2:"],
      ":",
    ],
  );
  assert.deepEqual(parse("data\n\nid: a\0b\nevent: x\n\ndata: cut off"), [["message", "", null]]);
});

Deno.test("createEventParser() reads the same however the text is cut, and whatever ends its lines", () => {
  const piece = fc.constantFrom("data: a", "data", "id: 7", "event: gap", ": c", "", "", "data: ü ", "x: y");
  const end = fc.constantFrom("\n", "\r\n", "\r");
  fc.assert(
    fc.property(fc.array(piece), end, fc.array(fc.nat(200)), (lines, ending, cuts) => {
      const text = [...lines, "", ""].join(ending) + "\n";
      const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
      const chunks = at.slice(1).map((to, i) => text.slice(at[i], to));
      assert.deepEqual(parse(...chunks), parse([...lines, "", ""].join("\n") + "\n"));
    }),
  );
});

Deno.test("createEventParser() keeps no more than a block may be long", () => {
  assert.throws(() => parse("data: " + "x".repeat(MOST_BLOCK + 1)), RangeError);
  assert.throws(
    () => parse(...Array.from({ length: 50 }, () => `data: ${"x".repeat(100_000)}\n`)),
    RangeError,
  );
});
