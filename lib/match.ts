/** Compiled filters: does a log match? Regular expressions run in linear time (RE2), so none can stall the hub. */

import { RE2JS } from "re2js";
import {
  type FieldMatch,
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
import { type MetadataTexts, textAt } from "./metadata_path.ts";

/**
 * A filter made ready to be asked. `folded` is `log.message` as {@link foldCase} writes it, made once a log for all filters. Of a log
 * without metadata that is null; what it is matters only where {@link looksAtMetadata}.
 */
export interface Matcher {
  (log: Log, folded: () => string, metadata?: MetadataTexts): boolean;
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
  const isOfInterest = compileOrigin(filter);
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
  const wanted = filter.q.map((pattern) => compile("q", pattern));
  const unwanted = filter.not.map((pattern) => compile("not", pattern));
  const [fields, notFields] = [filter.fields.map(compileField), filter.notFields.map(compileField)];
  return (log, folded, metadata = null) =>
    isOfInterest(log) &&
    hasAll(wanted, log, folded) &&
    !hasAny(unwanted, log, folded) &&
    fields.every((has) => has(metadata)) &&
    !notFields.some((has) => has(metadata));
}

/** The part of a filter that looks at level and service alone. */
export function compileOrigin(filter: Filter): (log: Pick<Log, "level" | "service">) => boolean {
  const levels = filter.levels.length > 0 ? new Set<string>(filter.levels) : null;
  const services = filter.services.length > 0 ? new Set(filter.services) : null;
  const notServices = filter.notServices.length > 0 ? new Set(filter.notServices) : null;
  return (log) =>
    (levels === null || levels.has(log.level)) &&
    (services === null || services.has(log.service)) &&
    (notServices === null || !notServices.has(log.service));
}

function compileField({ path, values }: FieldMatch): (metadata: MetadataTexts) => boolean {
  const wanted = new Set(values);
  return (metadata) => {
    const text = textAt(metadata, path);
    return text !== undefined && wanted.has(text);
  };
}

// Loops: the hub asks for every log and every filter.
function hasAll(patterns: readonly Matcher[], log: Log, folded: () => string): boolean {
  for (const pattern of patterns) if (!pattern(log, folded)) return false;
  return true;
}

function hasAny(patterns: readonly Matcher[], log: Log, folded: () => string): boolean {
  for (const pattern of patterns) if (pattern(log, folded)) return true;
  return false;
}

/** Whether a filter looks at messages, and so needs the whole message of a truncated log. */
export function looksAtText(filter: Filter): boolean {
  return filter.q.length > 0 || filter.not.length > 0;
}

/** Whether a filter looks at metadata, which no notification carries. */
export function looksAtMetadata(filter: Filter): boolean {
  return filter.fields.length > 0 || filter.notFields.length > 0;
}

/** Whether a filter looks at what may be long, so that the database may have to look for long. */
export function looksInside(filter: Filter): boolean {
  return looksAtText(filter) || looksAtMetadata(filter);
}

/** Asks a matcher about one log. */
export function matches(matcher: Matcher, log: Log, metadata?: MetadataTexts): boolean {
  return matcher(log, foldOnce(log), metadata);
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
