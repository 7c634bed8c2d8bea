/** Compiled filters: does a log match? Regular expressions run in linear time (RE2), so none can stall the hub. */

import { RE2JS } from "re2js";
import {
  type Filter,
  FILTER_BOUNDS,
  FilterError,
  type FilterLimits,
  FilterTooLargeError,
  foldCase,
  parseFilter,
  type TextPattern,
} from "./filter.ts";
import type { Log } from "./log.ts";

/** A filter made ready to be asked. `folded` is `log.message` as {@link foldCase} writes it, made once a log for all filters. */
export interface Matcher {
  (log: Log, folded: () => string): boolean;
}

/**
 * What one regular expression may cost for one message, in instructions times characters: about a third of a second. RE2 is linear in
 * both, and 1 MiB times a thousand instructions are seven seconds in which nobody gets anything. Up to some 50 instructions, as people
 * write them, all of a message is looked at; of larger ones only the beginning of very long messages.
 */
const MOST_STEPS = 50_000_000;

/**
 * Reads a filter as {@link parseFilter} does, and compiles it to see that it can be.
 *
 * @throws {FilterTooLargeError} where it is over the limits
 * @throws {FilterError} as {@link parseFilter} and {@link compileFilter} do
 */
export function readFilter(params: URLSearchParams, limits: FilterLimits): Filter {
  const filter = parseFilter(params, limits);
  compileFilter(filter, limits.maxRegexpSize);
  return filter;
}

/**
 * Compiles a filter.
 *
 * @throws {FilterTooLargeError} on regular expressions that have more than `most` instructions together
 * @throws {FilterError} on a regular expression that RE2 does not take (back-references, look-around, bad syntax)
 */
export function compileFilter(filter: Filter, most: number = FILTER_BOUNDS.maxRegexpSize): Matcher {
  const levels = filter.levels.length > 0 ? new Set<string>(filter.levels) : null;
  const services = filter.services.length > 0 ? new Set(filter.services) : null;
  let program = 0;
  const compile = (path: string, pattern: TextPattern) =>
    compilePattern(path, pattern, (size) => {
      program += size;
      if (program <= most) return;
      throw new FilterTooLargeError(
        path,
        most === 0
          ? "Regular expressions are not taken here"
          : `Too large: the regular expressions have more than ${most} instructions, repeat less in them`,
      );
    });
  const wanted = filter.q ? compile("q", filter.q) : null;
  const unwanted = filter.not.map((pattern) => compile("not", pattern));
  return (log, folded) =>
    (levels === null || levels.has(log.level)) &&
    (services === null || services.has(log.service)) &&
    (wanted === null || wanted(log, folded)) &&
    !hasAny(unwanted, log, folded);
}

// A loop: the hub asks for every log and every filter.
function hasAny(patterns: readonly Matcher[], log: Log, folded: () => string): boolean {
  for (const pattern of patterns) if (pattern(log, folded)) return true;
  return false;
}

/** Whether a filter looks at messages, and so needs the whole message of a truncated log. */
export function looksAtText(filter: Filter): boolean {
  return filter.q !== null || filter.not.length > 0;
}

/** Asks a matcher about one log. */
export function matches(matcher: Matcher, log: Log): boolean {
  return matcher(log, foldOnce(log));
}

/** Folds a log's message when first asked, and keeps it for whoever asks next. */
export function foldOnce(log: Log): () => string {
  let folded: string | undefined;
  return () => folded ??= foldCase(log.message);
}

function compilePattern(path: string, pattern: TextPattern, onSize: (size: number) => void): Matcher {
  if (pattern.kind === "text") {
    const { text } = pattern;
    return (_log, folded) => folded().includes(text);
  }
  const regexp = compileRegexp(path, pattern);
  const size = regexp.programSize();
  onSize(size);
  const most = Math.floor(MOST_STEPS / size);
  return ({ message }) => regexp.test(message.length > most ? message.slice(0, most) : message);
}

function compileRegexp(path: string, { source, ignoreCase }: TextPattern & { kind: "regexp" }): RE2JS {
  try {
    return RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FilterError(path, `Not a regular expression of RE2 syntax: ${reason}`, { cause });
  }
}
