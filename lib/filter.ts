/** Filters as the URL carries them: parsing, writing and a canonical form. Pure, and safe in a browser. */

import { type Level, LEVELS, parseLevel } from "./log.ts";
import { type MetadataPath, parsePath, PATH_BOUNDS, pathText } from "./metadata_path.ts";
import { listValue, listValues, parseQuery, queryParams } from "./query_language.ts";

/** A text to look for in messages: plain and without regard to case, or a regular expression (RE2 syntax). */
export type TextPattern =
  /** `text` is as {@link foldCase} writes it. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "regexp"; readonly source: string; readonly ignoreCase: boolean };

/** What may stand, or must not stand, at a path of the metadata: any of these values. */
export interface FieldMatch {
  readonly path: MetadataPath;
  /** Texts, see `metadata_path.ts`. Without repeats, sorted. */
  readonly values: readonly string[];
}

/** Which logs a viewer gets. Empty lists let everything through. All lists are without repeats and in one order. */
export interface Filter {
  /** In the order of {@link LEVELS}. Those that are left out are not among them. */
  readonly levels: readonly Level[];
  /** Sorted; without white space around them. */
  readonly services: readonly string[];
  /** Services that are left out. */
  readonly notServices: readonly string[];
  /** What a message must contain, all of these. Sorted. */
  readonly q: readonly TextPattern[];
  /** What a message must not contain, any of these. Sorted. */
  readonly not: readonly TextPattern[];
  /** What the metadata must hold, at every path. Sorted by path. */
  readonly fields: readonly FieldMatch[];
  /** What the metadata must not hold, at any path. */
  readonly notFields: readonly FieldMatch[];
}

/** The filter that lets everything through. */
export const NO_FILTER: Filter = {
  levels: [],
  services: [],
  notServices: [],
  q: [],
  not: [],
  fields: [],
  notFields: [],
};

/** The most that one filter may hold: every filter is kept, compiled and compared in memory. */
export const FILTER_BOUNDS = {
  services: 100,
  serviceLength: 1000,
  /** Paths of metadata, wanted and unwanted together; values at each; characters of each value. */
  fields: 20,
  fieldValues: 100,
  fieldLength: 1000,
  maxPatterns: 20,
  maxPatternLength: 1000,
  maxRegexpSize: 1000,
} as const;

/** How much of that a server takes. */
export interface FilterLimits {
  /** Values of `not`, and of `q` beside the first. */
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

/** The beginnings of the parameters that are about metadata; a path follows. */
const [FIELD, NOT_FIELD] = ["meta.", "not.meta."] as const;

/** Whether a parameter of a query string belongs to the filter. */
export function isFilterParameter(name: string): boolean {
  return /^(?:not\.)?(?:level|service|meta\..*)$|^(?:q|not|filter)$/su.test(name);
}

/**
 * Reads a filter from a query string; other parameters are left alone. `level`, `service`, `meta.<path>` and the same with `not.` before
 * them may repeat or hold several values between commas, `q` and `not` may repeat. `filter` is a text in the language of
 * `query_language.ts`, which may repeat, too.
 *
 * @throws {FilterError} on an unknown level or anything over its bounds; what regular expressions compile to is not looked at
 */
export function parseFilter(
  given: URLSearchParams,
  { maxPatterns, maxPatternLength }: FilterLimits = FILTER_BOUNDS,
): Filter {
  const params = given.has("filter") ? withLanguage(given) : given;
  const patterns = (name: "q" | "not") => readPatterns(params, name, maxPatternLength);
  const [q, not] = [patterns("q"), patterns("not")];
  // One text to look for is always taken.
  bound(not.length > 0 ? "not" : "q", Math.max(0, q.length - 1) + not.length, maxPatterns, "texts");
  const [fields, notFields] = [readFields(params, FIELD), readFields(params, NOT_FIELD)];
  bound("meta", fields.length + notFields.length, FILTER_BOUNDS.fields, "paths");
  return {
    levels: readLevels(params),
    services: readServices(params, "service"),
    notServices: readServices(params, "not.service"),
    q,
    not,
    fields,
    notFields,
  };
}

/** The parameters with those that their texts stand for. */
function withLanguage(params: URLSearchParams): URLSearchParams {
  const all = new URLSearchParams(params);
  for (const text of params.getAll("filter")) {
    const { terms, problems: [problem] } = parseQuery(text);
    if (problem) {
      throw new FilterError(
        "filter",
        `${problem.message}: at ${quote(text.slice(problem.from, problem.to))}`,
      );
    }
    for (const [name, value] of queryParams(terms)) all.append(name, value);
  }
  return all;
}

function readLevels(params: URLSearchParams): Level[] {
  const read = (path: string) =>
    new Set(
      values(params, path).map((name) => {
        const level = parseLevel(name);
        if (level) return level;
        throw new FilterError(path, `Unknown level ${quote(name)}, allowed: ${LEVELS.join(", ")}`);
      }),
    );
  const [wanted, unwanted] = [read("level"), read("not.level")];
  const left = LEVELS.filter((level) => (wanted.size === 0 || wanted.has(level)) && !unwanted.has(level));
  if (left.length === 0) {
    throw new FilterError("not.level", "No level is left: all that are wanted are left out");
  }
  return wanted.size === 0 && unwanted.size === 0 ? [] : left;
}

function readServices(params: URLSearchParams, path: string): string[] {
  const services = [...new Set(values(params, path))].sort();
  bound(path, services.length, FILTER_BOUNDS.services, "values");
  for (const service of services) bound(path, service.length, FILTER_BOUNDS.serviceLength, "characters");
  return services;
}

function readPatterns(params: URLSearchParams, path: string, most: number): TextPattern[] {
  // Sorted and without repeats as they are written: `Foo` and `foo` are the same text.
  const patterns = new Map(
    params.getAll(path).filter((text) => text !== "").map((text) => {
      const pattern = parsePattern(path, text, most);
      return [patternText(pattern), pattern];
    }),
  );
  return [...patterns.keys()].sort().flatMap((text) => patterns.get(text) ?? []);
}

function readFields(params: URLSearchParams, prefix: string): FieldMatch[] {
  const found = new Map<string, FieldMatch>();
  for (const name of new Set(params.keys())) {
    if (!name.startsWith(prefix)) continue;
    const path = parsePath(name.slice(prefix.length));
    if (path === null) {
      throw new FilterError(
        name.slice(0, 100),
        `Not a path of metadata, such as meta.user.id: up to ${PATH_BOUNDS.keys} keys between dots, ` +
          `none of them empty, up to ${PATH_BOUNDS.characters} characters`,
      );
    }
    const text = pathText(path);
    // The same path may be written in two ways.
    const of = [...new Set([...found.get(text)?.values ?? [], ...values(params, name)])].sort();
    if (of.length === 0) continue;
    bound(name, of.length, FILTER_BOUNDS.fieldValues, "values");
    for (const value of of) bound(name, value.length, FILTER_BOUNDS.fieldLength, "characters");
    found.set(text, { path, values: of });
  }
  return [...found.keys()].sort().flatMap((text) => found.get(text) ?? []);
}

/** Writes a filter as query parameters; {@link parseFilter} reads the same filter from them. */
export function filterParams(filter: Filter): URLSearchParams {
  const params = new URLSearchParams();
  if (filter.levels.length > 0) params.set("level", filter.levels.join(","));
  for (const service of filter.services) params.append("service", listValue(service));
  for (const service of filter.notServices) params.append("not.service", listValue(service));
  for (const pattern of filter.q) params.append("q", patternText(pattern));
  for (const pattern of filter.not) params.append("not", patternText(pattern));
  for (const [prefix, fields] of [[FIELD, filter.fields], [NOT_FIELD, filter.notFields]] as const) {
    for (const { path, values } of fields) {
      for (const value of values) params.append(prefix + pathText(path), listValue(value));
    }
  }
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

/** The values of a parameter that may repeat or hold a list between commas. */
function values(params: URLSearchParams, name: string): string[] {
  return params.getAll(name).flatMap(listValues);
}

function bound(path: string, size: number, most: number, unit: string): void {
  if (size > most) {
    throw new FilterTooLargeError(path, `Too long: ${size} ${unit}, at most ${most} are allowed`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? text.slice(0, 40) + "…" : text);
}
