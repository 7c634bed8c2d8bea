/**
 * Terminal colours in messages: the SGR sequences of ECMA-48 (section 8.3.117) with the colours of xterm. Only how text
 * looks is taken from them; every other sequence is shown as the characters that it is made of. Pure.
 */

import { blackOrWhite, cssColor, readable, type Rgb } from "./contrast.ts";
import { visibleText } from "./format.ts";
import type { Look, Span, Styled } from "./styled.ts";

/** The most parts of one message that are coloured; what follows is plain. */
export const MOST_SPANS = 500;

/**
 * The rows' backgrounds that are hardest to read on, of all that the stylesheet has in the light and in the dark theme:
 * an error under the mouse in the light one, and the selected row in the dark one.
 */
export const ROW_BACKGROUNDS = { light: 0xe9d2d5, dark: 0x163a35 } as const;

// deno-lint-ignore no-control-regex -- the escape character begins a sequence
const SGR = /\u001b\[([0-9;:]*)m/gu;
/** A message that was cut may end within a sequence. */
// deno-lint-ignore no-control-regex -- as above
const UNFINISHED = /\u001b(?:\[[0-9;:]*)?$/u;

const PALETTE: readonly Rgb[] = [
  ...[0x1c2226, 0xc93c3c, 0x2f9e57, 0xc9a227, 0x3b7dd8, 0xb452b4, 0x2aa1b3, 0xd5dbdd],
  ...[0x6b777d, 0xff6b6b, 0x57d38c, 0xf2cf5b, 0x6aa9ff, 0xe07be0, 0x5cd6e6, 0xffffff],
];
const CUBE = [0, 95, 135, 175, 215, 255];

interface Pen {
  readonly color: Rgb | null;
  readonly background: Rgb | null;
  readonly bold: boolean;
  readonly underline: boolean;
  readonly reverse: boolean;
}

const PLAIN: Pen = { color: null, background: null, bold: false, underline: false, reverse: false };

/** Reads a message: its text without colours, line ends as line feeds, control characters visible, and its looks. */
export function readAnsi(message: string): Styled {
  const source = message.replace(/\r\n?/gu, "\n");
  if (!source.includes("\u001b")) return { text: visibleText(source), spans: [] };
  const spans: Span[] = [];
  let text = "";
  let pen = PLAIN;
  let from = 0;
  const take = (part: string) => {
    const start = text.length;
    text += visibleText(part);
    const look = spans.length < MOST_SPANS && text.length > start ? lookOf(pen) : null;
    if (look) spans.push({ from: start, to: text.length, look });
  };
  for (const match of source.matchAll(SGR)) {
    take(source.slice(from, match.index));
    from = match.index + match[0].length;
    pen = change(pen, match[1] ?? "");
  }
  take(source.slice(from).replace(UNFINISHED, ""));
  return { text, spans };
}

function change(pen: Pen, parameters: string): Pen {
  let next = pen;
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i++) {
    // `38;2;1;2;3` is what most programs write, `38:2::1:2:3` what the standard says.
    const [code = "", ...within] = (codes[i] ?? "").split(":");
    const number = Number(code);
    if (number === 38 || number === 48) {
      const given = within.length > 0 ? within : codes.slice(i + 1, i + 5);
      const color = colorOf(given);
      if (within.length === 0) i += given[0] === "2" ? 4 : 2;
      if (color !== null) next = { ...next, [number === 38 ? "color" : "background"]: color };
    } else next = { ...next, ...changeOf(number, within[0]) };
  }
  return next;
}

function changeOf(code: number, kind: string | undefined): Partial<Pen> {
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { bold: true };
    case 22:
      return { bold: false };
    case 4:
      return { underline: kind !== "0" };
    case 24:
      return { underline: false };
    case 7:
      return { reverse: true };
    case 27:
      return { reverse: false };
    case 39:
      return { color: null };
    case 49:
      return { background: null };
  }
  const shade = PALETTE[code % 10];
  if (shade === undefined || code % 10 > 7) return {};
  const bright = PALETTE[code % 10 + 8] ?? shade;
  switch (Math.floor(code / 10)) {
    case 3:
      return { color: shade };
    case 4:
      return { background: shade };
    case 9:
      return { color: bright };
    case 10:
      return { background: bright };
  }
  return {};
}

function colorOf([kind, ...numbers]: readonly string[]): Rgb | null {
  const parts = (kind === "5" ? numbers.slice(0, 1) : numbers.slice(-3)).map(Number);
  if (parts.some((part) => !Number.isInteger(part) || part > 255)) return null;
  const [a = 0, b, c] = parts;
  if (kind === "2" && b !== undefined && c !== undefined) return a << 16 | b << 8 | c;
  if (kind !== "5" || parts.length === 0) return null;
  if (a < 16) return PALETTE[a] ?? null;
  if (a >= 232) return (8 + 10 * (a - 232)) * 0x010101;
  const [red, green, blue] = [Math.floor((a - 16) / 36), Math.floor((a - 16) / 6) % 6, (a - 16) % 6];
  return (CUBE[red] ?? 0) << 16 | (CUBE[green] ?? 0) << 8 | (CUBE[blue] ?? 0);
}

function lookOf(pen: Pen): Look | null {
  if (pen === PLAIN) return null;
  const [color, background] = pen.reverse ? [pen.background, pen.color] : [pen.color, pen.background];
  const classes = [pen.bold && "ansi-bold", pen.underline && "ansi-underline"];
  let style: Look["style"] = {};
  if (background !== null) {
    classes.push("ansi-on");
    style = {
      "--ansi": cssColor(color === null ? blackOrWhite(background) : readable(color, background)),
      "--ansi-on": cssColor(background),
    };
  } else if (color !== null) {
    classes.push("ansi");
    const { light, dark } = ROW_BACKGROUNDS;
    style = {
      "--ansi-light": cssColor(readable(color, light)),
      "--ansi-dark": cssColor(readable(color, dark)),
    };
  } else if (pen.reverse) classes.push("ansi-reverse");
  const named = classes.filter((name) => name !== false).join(" ");
  return named === "" ? null : { class: named, style };
}
