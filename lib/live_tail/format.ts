/** How things read on the page: times, counts, levels, and text that came from outside. Pure. */

import type { Level } from "../log.ts";

/** The short name of a level, always three letters so that columns line up. */
export const LEVEL_LABELS: Readonly<Record<Level, string>> = {
  trace: "TRC",
  debug: "DBG",
  info: "INF",
  warn: "WRN",
  error: "ERR",
  fatal: "FTL",
};

const COUNT = new Intl.NumberFormat("en-US");

/** A count with separators between thousands, `1,234`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** `1 log`, `2 logs`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** The local time of day with milliseconds, `09:41:07.250`. Text that is no timestamp stays as it is. */
export function formatTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two);
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** The local date, `2026-01-31`. */
export function formatDate(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Local date and time with the offset from UTC, `2026-01-31 09:41:07.250 +01:00`. */
export function formatLocal(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const minutes = -date.getTimezoneOffset();
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${
    two(Math.abs(minutes) % 60)
  }`;
  return `${formatDate(iso)} ${formatTime(iso)} ${offset}`;
}

/** From when to when, without the dates where both are of one local day. */
export function formatSpan(from: string, to: string): string {
  const day = formatDate(from);
  if (day === formatDate(to)) return `${formatTime(from)} to ${formatTime(to)}`;
  return `${day} ${formatTime(from)} to ${formatDate(to)} ${formatTime(to)}`;
}

// deno-lint-ignore no-control-regex -- the escape character begins a terminal colour
const SGR = /\u001b\[[0-9;:]*m/gu;
/**
 * C0 and C1 controls but for tab and line feed, and the characters that turn the direction of the text around them
 * (Unicode TR9): a log could use those to look like something it is not.
 */
const UNSEEN =
  // deno-lint-ignore no-control-regex -- control characters are what this looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Text with its control characters made visible: C0 as control pictures (`␛`), all others by their number. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/** A message made ready for the list. */
export interface Folded {
  /** The first line that is not blank. */
  readonly line: string;
  /** How many lines follow it. */
  readonly more: number;
}

/** The first line of a message, without terminal colours, and how many lines are folded away below it. */
export function foldMessage(message: string): Folded {
  const lines = plainText(message).trim().split("\n");
  return { line: lines[0] ?? "", more: lines.length - 1 };
}

/** A message without terminal colours, line ends as line feeds, control characters visible. */
export function plainText(message: string): string {
  return visibleText(message.replace(SGR, "").replace(/\r\n?/gu, "\n"));
}

/** A part of a text, and whether it is what was searched for. */
export interface Part {
  readonly text: string;
  readonly hit: boolean;
}

/** The most hits that are marked in one message. */
const MOST_HITS = 20;

/** Splits a text at the places that match `needle`, which is in lower case. */
export function splitHits(text: string, needle: string): readonly Part[] {
  const lower = text.toLowerCase();
  // Where lower case has another length than the text (as with "İ"), places in one are not places in the other.
  if (needle === "" || lower.length !== text.length) return [{ text, hit: false }];
  const parts: Part[] = [];
  let from = 0;
  for (
    let at = lower.indexOf(needle);
    at >= 0 && parts.length < 2 * MOST_HITS;
    at = lower.indexOf(needle, from)
  ) {
    if (at > from) parts.push({ text: text.slice(from, at), hit: false });
    from = at + needle.length;
    parts.push({ text: text.slice(at, from), hit: true });
  }
  if (from < text.length) parts.push({ text: text.slice(from), hit: false });
  return parts;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
