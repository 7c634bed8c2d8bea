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

/** Bytes as `740 B`, `12.4 kB`, `3.1 MB`, `1.2 GB`. */
export function formatSize(bytes: number): string {
  const power = Math.max(0, Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const number = bytes / 1000 ** power;
  return `${power === 0 ? Math.round(number) : number.toFixed(1)} ${["B", "kB", "MB", "GB"][power]}`;
}

/** `1 log`, `2 logs`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** The local time of day, `09:41:07.250` or `09:41:07`. Text that is no timestamp stays as it is. */
export function formatTime(iso: string, milliseconds = true): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two);
  const fraction = milliseconds ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : "";
  return `${hours}:${minutes}:${seconds}${fraction}`;
}

/** The time of day in UTC, `08:41:07.250Z` or `08:41:07Z`. Text that is no timestamp stays as it is. */
export function formatUtc(iso: string, milliseconds = true): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return `${date.toISOString().slice(11, milliseconds ? 23 : 19)}Z`;
}

/** How long ago a time is, `12 s ago`; `now` in epoch milliseconds. Text that is no timestamp stays as it is. */
export function formatAge(iso: string, now: number): string {
  const time = new Date(iso).getTime();
  if (Number.isNaN(time)) return iso;
  const seconds = Math.floor((now - time) / 1000);
  // Clocks are rarely quite the same: what comes from the next second comes from now.
  if (seconds === 0 || seconds === -1) return "now";
  return seconds < 0 ? `in ${span(-seconds - 1)}` : `${span(seconds)} ago`;
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
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

function two(number: number): string {
  return String(number).padStart(2, "0");
}
