import assert from "node:assert/strict";
import fc from "fast-check";
import { type Mark, marksOf, NO_MARK } from "./marks.ts";

const marked = (mark: Mark, text: string) => mark(text).map(([from, to]) => text.slice(from, to));
const of = (...q: string[]) => marksOf(new URLSearchParams(q.map((text) => ["q", text])));

Deno.test("marksOf() finds every text without regard to case, and joins what touches", () => {
  assert.deepEqual(marked(of("error", "no").now, "Error: no error"), ["Error", "no", "error"]);
  assert.deepEqual(marked(of("abc", "cd").now, "abcd ab"), ["abcd"]);
  assert.equal(of("").now, NO_MARK);
  assert.deepEqual(
    marked(marksOf(new URLSearchParams({ filter: 'level:error "a b" -c' })).now, "c A B"),
    ["A B"],
  );
});

Deno.test("marksOf() has the matches of regular expressions once they can be read", async () => {
  const { now, then } = of("/time(out|d out)/", "card", "/(/");
  assert.deepEqual(marked(now, "card timed out"), ["card"]);
  assert.deepEqual(marked(await then ?? NO_MARK, "card timed out, timeout, TIMEOUT"), [
    "card",
    "timed out",
    "timeout",
  ]);
  // What matches nothing at all ends, too.
  assert.deepEqual(marked(await of("/x*/").then ?? NO_MARK, "axxb"), ["xx"]);
  assert.equal(of("plain").then, null);
});

Deno.test("marksOf() gives places in order, within the text, none over another, and a bounded number", () => {
  const texts = fc.array(fc.constantFrom("a", "ab", "ba", "İ", " "), { maxLength: 4 });
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), texts, (text, q) => {
    let last = -1;
    for (const [from, to] of of(...q).now(text)) {
      assert.ok(last < from && from < to && to <= text.length);
      last = to;
    }
  }));
  assert.equal(of("a").now("a ".repeat(100)).length, 20);
});
