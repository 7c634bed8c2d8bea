/** Filters as the URL carries them: parsing, writing and a canonical form. Pure, and safe in a browser. */

import { type Level, LEVELS, parseLevel } from "./log.ts";

/** A text to look for in messages: plain and without regard to case, or a regular expression (RE2 syntax). */
export type TextPattern =
  /** `text` is as {@link foldCase} writes it. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "regexp"; readonly source: string; readonly ignoreCase: boolean };

/** Which logs a viewer gets. Empty lists let everything through. */
export interface Filter {
  /** Without repeats, in the order of {@link LEVELS}. */
  readonly levels: readonly Level[];
  /** Without repeats, sorted; without white space around them. */
  readonly services: readonly string[];
  /** What a message must contain. */
  readonly q: TextPattern | null;
  /** What a message must not contain, any of these. Without repeats, sorted. */
  readonly not: readonly TextPattern[];
}

/** The filter that lets everything through. */
export const NO_FILTER: Filter = { levels: [], services: [], q: null, not: [] };

/** The most that one filter may hold: every filter is kept, compiled and compared in memory. */
export const FILTER_BOUNDS = {
  services: 100,
  serviceLength: 1000,
  maxPatterns: 20,
  maxPatternLength: 1000,
  maxRegexpSize: 1000,
} as const;

/** How much of that a server takes. */
export interface FilterLimits {
  /** Values of `not`. */
  readonly maxPatterns: number;
  /** Characters of each text and regular expression. */
  readonly maxPatternLength: number;
  /** Instructions of all regular expressions, compiled: `[a-z]{500}` is short and has 500. */
  readonly maxRegexpSize: number;
}

/** A filter that cannot be understood. `path` is the parameter at fault. */
export class FilterError extends Error {
  override readonly name = "FilterError";
  constructor(readonly path: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A filter that is over {@link FILTER_BOUNDS}. */
export class FilterTooLargeError extends FilterError {}

/**
 * Reads `level`, `service`, `q` and `not` from a query string; other parameters are left alone. `level` and `service`
 * may repeat or hold several values between commas, `not` may repeat.
 *
 * @throws {FilterError} on an unknown level or anything over its bounds; what regular expressions compile to is not looked at
 */
export function parseFilter(
  params: URLSearchParams,
  { maxPatterns, maxPatternLength }: FilterLimits = FILTER_BOUNDS,
): Filter {
  const levels = new Set(
    values(params, "level").map((name) => {
      const level = parseLevel(name);
      if (!level) {
        throw new FilterError("level", `Unknown level ${quote(name)}, allowed: ${LEVELS.join(", ")}`);
      }
      return level;
    }),
  );
  const services = [...new Set(values(params, "service"))].sort();
  bound("service", services.length, FILTER_BOUNDS.services, "values");
  for (const service of services) bound("service", service.length, FILTER_BOUNDS.serviceLength, "characters");
  const q = params.getAll("q").filter((text) => text !== "");
  bound("q", q.length, 1, "values");
  // Sorted and without repeats as they are written: `Foo` and `foo` are the same text.
  const not = new Map(
    params.getAll("not").filter((text) => text !== "").map((text) => {
      const pattern = parsePattern("not", text, maxPatternLength);
      return [patternText(pattern), pattern];
    }),
  );
  bound("not", not.size, maxPatterns, "values");
  return {
    levels: LEVELS.filter((level) => levels.has(level)),
    services,
    q: q[0] === undefined ? null : parsePattern("q", q[0], maxPatternLength),
    not: [...not.keys()].sort().flatMap((text) => not.get(text) ?? []),
  };
}

/** Writes a filter as query parameters; {@link parseFilter} reads the same filter from them. */
export function filterParams(filter: Filter): URLSearchParams {
  const params = new URLSearchParams();
  if (filter.levels.length > 0) params.set("level", filter.levels.join(","));
  // A service may itself hold a comma, which a list between commas would split.
  for (const service of filter.services) params.append("service", service.replaceAll(",", "\\,"));
  if (filter.q) params.set("q", patternText(filter.q));
  for (const pattern of filter.not) params.append("not", patternText(pattern));
  return params;
}

/** The same text for equal filters, another for different ones: what viewers of one filter share is kept under it. */
export function filterKey(filter: Filter): string {
  return filterParams(filter).toString();
}

/** A pattern as a person types it: `/.../` or `/.../i` is a regular expression, all else is text. */
export function parsePattern(
  path: string,
  text: string,
  most: number = FILTER_BOUNDS.maxPatternLength,
): TextPattern {
  bound(path, text.length, most, "characters");
  const regexp = /^\/(.+)\/(i?)$/su.exec(text);
  if (!regexp) {
    const folded = foldCase(text);
    // Lower case may be longer: what is written for others to read must be within the bound too.
    bound(path, folded.length, most, "characters");
    return { kind: "text", text: folded };
  }
  return { kind: "regexp", source: regexp[1] ?? "", ignoreCase: regexp[2] === "i" };
}

/**
 * Text without regard to case: lower case, with both lower-case sigmas as one. The Kelvin sign and the dotted capital I stay as
 * they are: they alone would become letters of ASCII, which PostgreSQL's lower() of ASCII does not do.
 */
export function foldCase(text: string): string {
  const lower = /[\u0130\u212a]/u.test(text)
    ? text.replace(/[^\u0130\u212a]+/gu, (part) => part.toLowerCase())
    : text.toLowerCase();
  return lower.includes("ς") ? lower.replaceAll("ς", "σ") : lower;
}

/** The text that {@link parsePattern} reads back. */
export function patternText(pattern: TextPattern): string {
  return pattern.kind === "text" ? pattern.text : `/${pattern.source}/${pattern.ignoreCase ? "i" : ""}`;
}

/** The values of a parameter that may repeat or hold a list between commas; `\,` is a comma within a value. */
function values(params: URLSearchParams, name: string): string[] {
  return params.getAll(name)
    .flatMap((list) => list.split(/(?<!\\),/u))
    .map((value) => value.replaceAll("\\,", ",").trim())
    .filter((value) => value !== "");
}

function bound(path: string, size: number, most: number, unit: string): void {
  if (size > most) {
    throw new FilterTooLargeError(path, `Too long: ${size} ${unit}, at most ${most} are allowed`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? text.slice(0, 40) + "…" : text);
}
