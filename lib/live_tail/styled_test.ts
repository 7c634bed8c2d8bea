import assert from "node:assert/strict";
import fc from "fast-check";
import { readAnsi } from "./ansi.ts";
import { marksOf } from "./marks.ts";
import { fold, runs } from "./styled.ts";

const folded = (message: string) => {
  const { line, more } = fold(readAnsi(message));
  return { line: line.text, more };
};

Deno.test("fold() gives the first line and counts the others", () => {
  assert.deepEqual(folded("one"), { line: "one", more: 0 });
  assert.deepEqual(folded("\n\nTypeError: x\n    at a\n    at b\n"), { line: "TypeError: x", more: 2 });
  assert.deepEqual(folded("  one\n"), { line: "one", more: 0 });
  assert.deepEqual(folded(""), { line: "", more: 0 });
});

Deno.test("fold() keeps the looks of its line where they were", () => {
  const { line } = fold(readAnsi("\n  a \u001b[31mred\nand more\u001b[0m"));
  assert.equal(line.text, "a red");
  assert.deepEqual(line.spans.map(({ from, to }) => line.text.slice(from, to)), ["red"]);
});

Deno.test("runs() cuts at hits and at looks, and keeps the text whole", () => {
  const found = runs(readAnsi("an \u001b[31merror hap\u001b[0mpened"), () => [[3, 8]]);
  assert.deepEqual(found.map(({ text, hit, look }) => [text, hit, look?.class]), [
    ["an ", false, undefined],
    ["error", true, "ansi"],
    [" hap", false, "ansi"],
    ["pened", false, undefined],
  ]);
  const piece = fc.constantFrom("\u001b[31m", "\u001b[0m", "\u001b[4m", "a", "b", "\n");
  fc.assert(fc.property(fc.array(piece), fc.constantFrom("", "a", "ab"), (pieces, q) => {
    const mark = marksOf(new URLSearchParams({ q })).now;
    const styled = readAnsi(pieces.join(""));
    assert.equal(runs(styled, mark).map(({ text }) => text).join(""), styled.text);
    const { line } = fold(styled);
    assert.equal(runs(line, mark).map(({ text }) => text).join(""), line.text);
  }));
});
