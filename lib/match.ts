/** Compiled filters: does a log match? Regular expressions run in linear time (RE2), so none can stall the hub. */

import { RE2JS } from "re2js";
import { type Filter, FilterError, foldCase, type TextPattern } from "./filter.ts";
import type { Log } from "./log.ts";

/** A filter made ready to be asked. `folded` is `log.message` as {@link foldCase} writes it, made once a log for all filters. */
export interface Matcher {
  (log: Log, folded: () => string): boolean;
}

/**
 * Compiles a filter.
 *
 * @throws {FilterError} on a regular expression that RE2 does not take (back-references, look-around, bad syntax)
 */
export function compileFilter(filter: Filter): Matcher {
  const levels = filter.levels.length > 0 ? new Set<string>(filter.levels) : null;
  const services = filter.services.length > 0 ? new Set(filter.services) : null;
  const wanted = filter.q ? compilePattern("q", filter.q) : null;
  const unwanted = filter.not.map((pattern) => compilePattern("not", pattern));
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

function compilePattern(path: string, pattern: TextPattern): Matcher {
  if (pattern.kind === "text") {
    const { text } = pattern;
    return (_log, folded) => folded().includes(text);
  }
  try {
    const regexp = RE2JS.compile(pattern.source, pattern.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    return (log) => regexp.test(log.message);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FilterError(path, `Not a regular expression of RE2 syntax: ${reason}`, { cause });
  }
}
