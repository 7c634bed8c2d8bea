/** A row of `logs` as logical decoding has it, made what SQL would make of it (`migrations/0001`, `lib/log_store/rows.ts`). Pure. */

import { type Level, type Log, parseLevel } from "../log.ts";
import { MOST_MATCHED, PREVIEW } from "../log_store/rows.ts";

/** The texts of a row's columns, from a session with the time zone UTC and dates as ISO 8601 has them. */
export interface LogTexts {
  readonly id: string;
  readonly timestamp: string;
  readonly level: string;
  readonly service: string;
  readonly message: string;
  readonly metadata: string | null;
}

/** A log, and what else filters look at. */
export interface WalLog {
  /** With a preview of its message where that is long. */
  readonly log: Log;
  /** With its whole message; the same object as `log` where that is whole. */
  readonly whole: Log;
  /** As JSON; `null` where there is none. */
  readonly metadata: string;
}

/** A text that PostgreSQL does not write in such a session. */
export class WalLogError extends Error {
  override readonly name = "WalLogError";
}

/**
 * Makes a log of a row.
 *
 * @throws {WalLogError} when the time is not written as expected
 */
export function walLog(texts: LogTexts): WalLog {
  const { service, message } = texts;
  const timestamp = timestampOf(texts.timestamp);
  const level = levelOf(texts.level);
  const metadata = texts.metadata ?? "null";
  const shown = { id: Number(texts.id), timestamp, level, service };
  const cut = cutAt(message, PREVIEW);
  if (cut === message.length) {
    const log = { ...shown, message };
    return { log, whole: log, metadata };
  }
  return {
    log: { ...shown, message: copy(message.slice(0, cut)), truncated: true },
    whole: { ...shown, message: message.slice(0, cutAt(message, MOST_MATCHED)) },
    metadata,
  };
}

/** Where the text's first `characters` end. PostgreSQL counts an astral one once, a string of JavaScript has two units of it. */
function cutAt(text: string, characters: number): number {
  if (text.length <= characters) return text.length;
  let at = 0;
  for (let left = characters; left > 0 && at < text.length; left--) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** A slice keeps the string alive that it was cut from: a preview, which is kept, a megabyte. */
function copy(slice: string): string {
  return DECODER.decode(ENCODER.encode(slice));
}

const FIRST = "0001-01-01T00:00:00.000Z";
const LAST = "9999-12-31T23:59:59.999Z";

/** PostgreSQL manual, Date/Time Output: `2026-01-31 12:00:00.123456+00`, with a fraction of no trailing zeros and `BC` at need. */
const TIMESTAMP = /^(\d{4,6})(-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00( BC)?$/u;

/** As the SQL function `log_timestamp` has it. */
function timestampOf(text: string): string {
  if (text === "infinity") return LAST;
  if (text === "-infinity") return FIRST;
  const [, year, date, time, fraction = "", before] = TIMESTAMP.exec(text) ?? [];
  if (year === undefined) {
    throw new WalLogError(`Not a time in UTC as ISO 8601 has it: ${JSON.stringify(text.slice(0, 40))}`);
  }
  if (before !== undefined) return FIRST;
  if (year.length > 4) return LAST;
  return `${year}${date}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}Z`;
}

/** What btrim() takes off there. `trim()` takes off more. */
const isSpace = (unit: number) => unit === 0x20 || unit === 0x09 || unit === 0x0d || unit === 0x0a;

/** As the SQL function `log_level` has it. */
function levelOf(text: string): Level {
  let [start, end] = [0, text.length];
  // A regular expression would look at a long run of spaces once for each of them.
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (start < end && isSpace(text.charCodeAt(end - 1))) end--;
  const name = text.slice(start, end);
  // Names are of ASCII; lower case is another matter beyond it, and here nothing else is trimmed.
  return /^[A-Za-z]{1,20}$/u.test(name) ? parseLevel(name) ?? "info" : "info";
}
