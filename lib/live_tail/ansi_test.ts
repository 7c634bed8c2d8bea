import assert from "node:assert/strict";
import fc from "fast-check";
import { MOST_SPANS, readAnsi, ROW_BACKGROUNDS } from "./ansi.ts";
import { contrast, LEAST_CONTRAST } from "./contrast.ts";

const looks = (message: string) => {
  const { text, spans } = readAnsi(message);
  return spans.map(({ from, to, look }) => [text.slice(from, to), look.class]);
};
const styleOf = (message: string) => readAnsi(message).spans[0]?.look.style;

Deno.test("readAnsi() takes looks from SGR sequences and leaves the text", () => {
  const message = "plain \u001b[1;31mred\u001b[22m still\u001b[0m \u001b[4munder\u001b[m end";
  assert.equal(readAnsi(message).text, "plain red still under end");
  assert.deepEqual(looks(message), [["red", "ansi-bold ansi"], [" still", "ansi"], [
    "under",
    "ansi-underline",
  ]]);
});

Deno.test("readAnsi() knows 16, 256 and 16 million colours, however they are written", () => {
  for (
    const [a, b] of [
      ["31", "38;5;1"],
      ["91", "38;5;9"],
      ["41", "48;5;1"],
      ["107", "48:5:15"],
      ["38;5;196", "38;2;255;0;0"],
      ["38;5;232", "38;2;8;8;8"],
      ["38:2::255:135:0", "38;5;208"],
      ["38:2:255:135:0", "38;5;208"],
      ["7;31", "41"],
    ]
  ) assert.deepEqual(styleOf(`\u001b[${a}mx`), styleOf(`\u001b[${b}mx`), a);
  assert.deepEqual(looks("\u001b[7mx"), [["x", "ansi-reverse"]]);
  assert.notDeepEqual(styleOf("\u001b[31mx"), styleOf("\u001b[32mx"));
});

Deno.test("readAnsi() ignores colours that do not exist", () => {
  for (
    const codes of ["38;5;256", "38;2;1;2", "38;2;1;2;999", "38;5", "38", "48:9:1", "38:5:", "98", "2;3;5"]
  ) {
    const found = styleOf(`\u001b[${codes}mx`);
    if (codes === "38:5:") assert.deepEqual(found, styleOf("\u001b[38;5;0mx"), "nothing is 0");
    else assert.equal(found, undefined, codes);
  }
});

Deno.test("readAnsi() shows every other sequence, and drops one that the end of the message cut", () => {
  assert.equal(
    readAnsi("\u001b[2Jcleared \u001b]0;title\u0007 \u001b[1").text,
    "␛[2Jcleared ␛]0;title␇ ",
  );
  assert.equal(readAnsi("end\u001b").text, "end");
  assert.equal(readAnsi("a\r\nb\rc").text, "a\nb\nc");
});

Deno.test("readAnsi() bounds the parts of a message that are coloured", () => {
  const { text, spans } = readAnsi("\u001b[31ma\u001b[32mb".repeat(MOST_SPANS));
  assert.equal(text, "ab".repeat(MOST_SPANS));
  assert.equal(spans.length, MOST_SPANS);
});

Deno.test("readAnsi() leaves no escape character, and spans in order within the text, whatever comes", () => {
  const piece = fc.oneof(
    fc.constantFrom("\u001b[", "\u001b", "m", ";", ":", "38", "48", "5", "2", "255", "31", "7", "\n", "a"),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
    const { text, spans } = readAnsi(pieces.join(""));
    assert.ok(!text.includes("\u001b"));
    let end = 0;
    for (const { from, to } of spans) {
      assert.ok(from >= end && to > from && to <= text.length);
      end = to;
    }
  }));
});

Deno.test("readAnsi() gives colours that can be read in both themes and on their own background", () => {
  const channel = fc.integer({ min: 0, max: 255 });
  const color = fc.tuple(channel, channel, channel).map((parts) => parts.join(";"));
  const read = (style: Readonly<Record<string, string>> | undefined, name: string) =>
    parseInt((style?.[name] ?? "").slice(1), 16);
  fc.assert(fc.property(color, color, (a, b) => {
    const themed = styleOf(`\u001b[38;2;${a}mx`);
    for (const theme of ["light", "dark"] as const) {
      const ratio = contrast(read(themed, `--ansi-${theme}`), ROW_BACKGROUNDS[theme]);
      assert.ok(ratio >= LEAST_CONTRAST, `${a} in ${theme}: ${ratio}`);
    }
    const own = styleOf(`\u001b[38;2;${a};48;2;${b}mx`);
    assert.ok(contrast(read(own, "--ansi"), read(own, "--ansi-on")) >= LEAST_CONTRAST);
  }));
});
