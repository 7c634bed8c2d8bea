/**
 * The language in which people write a filter, in the page and in `filter=`:
 * `level:error service:api,auth "card declined" /time(out|d out)/ -healthz meta.user=42`. Pure.
 *
 * Terms stand between white space, and all of them must hold. A `-` before a term turns it around. What is no term with a key is a text
 * that messages must contain. The same filter as query parameters is what `filter.ts` reads.
 */

import { type Level, LEVELS, parseLevel } from "./log.ts";
import { parsePath } from "./metadata_path.ts";

/** What a term is about. */
export type TermKind = "level" | "service" | "meta" | "text" | "regexp";

/** One term, and where it stands in the text: `from` up to, not including, `to`, in UTF-16 units. */
export interface Term {
  readonly kind: TermKind;
  readonly isNegated: boolean;
  /** The path of metadata as it is written, else empty. */
  readonly path: string;
  /** Levels, services or values of metadata; of a text or regular expression the one value, as `q` takes it. */
  readonly values: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** Something that cannot be understood, and where. */
export interface QueryProblem {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** A text that was read. */
export interface Query {
  readonly terms: readonly Term[];
  readonly problems: readonly QueryProblem[];
}

/** `level:`, `service=`, `meta.user.id>=` and the like. */
const KEY = /^(level|service|meta\.((?:\\.|[^\s:=<>"\\])*))(:>=|>=|:|=)/u;

/** Bounded: a text of slashes would otherwise be read to its end from each of them. Longer ones are too long for a filter anyway. */
const REGEXP = /\/(?:\\.|[^\\]){1,2000}?\/i?(?=\s|$)/suy;

/** Reads a text. What cannot be understood is left out of the terms, and among the problems. */
export function parseQuery(text: string): Query {
  const terms: Term[] = [];
  const problems: QueryProblem[] = [];
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const from = at;
    const isNegated = text[at] === "-" && /^-\S/u.test(text.slice(at, at + 3));
    const start = isNegated ? at + 1 : at;
    const read = readTerm(text, start);
    at = read.to;
    if ("message" in read) problems.push({ from, to: read.to, message: read.message });
    else terms.push({ ...read, isNegated, from });
  }
  return { terms, problems };
}

type Read = Omit<Term, "isNegated" | "from"> | { readonly to: number; readonly message: string };

function readTerm(text: string, at: number): Read {
  const key = KEY.exec(text.slice(at, at + 300));
  if (key) return readKeyed(text, at, key);
  if (text[at] === '"') {
    const quoted = readQuoted(text, at);
    if (quoted === null) return { to: text.length, message: 'The closing " is missing' };
    return { kind: "text", path: "", values: [asText(quoted.value)], to: quoted.to };
  }
  REGEXP.lastIndex = at;
  const regexp = REGEXP.exec(text);
  if (regexp) return { kind: "regexp", path: "", values: [regexp[0]], to: at + regexp[0].length };
  const to = wordEnd(text, at);
  return { kind: "text", path: "", values: [asText(text.slice(at, to))], to };
}

function readKeyed(text: string, at: number, [whole, name = "", path, operator = ""]: RegExpExecArray): Read {
  const begin = at + whole.length;
  const kind = path !== undefined ? "meta" : name === "level" ? "level" : "service";
  const list = readList(text, begin);
  if (list === null) return { to: text.length, message: 'The closing " is missing' };
  const { to } = list;
  if (path !== undefined && parsePath(path) === null) {
    return { to, message: "Expected a path of metadata, such as meta.user.id=42" };
  }
  if (list.values.length === 0) {
    return { to, message: `Expected a value, such as ${name}${operator}${EXAMPLES[kind]}` };
  }
  const isOpen = operator.endsWith(">=");
  if (kind !== "level") {
    if (isOpen) return { to, message: `${name} takes : or =, not >=` };
    return { kind, path: path ?? "", values: list.values, to };
  }
  const levels = readLevels(list.values, isOpen);
  if (typeof levels === "string") return { to, message: levels };
  return { kind, path: "", values: levels, to };
}

const EXAMPLES = { level: "error", service: "api", meta: "42" } as const;

/** `warn+`, and `warn` after `>=`, are all from there on. */
function readLevels(names: readonly string[], isOpen: boolean): readonly Level[] | string {
  const found = new Set<Level>();
  for (const name of names) {
    const isRange = isOpen || name.endsWith("+");
    const level = parseLevel(isRange ? name.replace(/\+$/u, "") : name);
    if (!level) return `Unknown level ${JSON.stringify(name.slice(0, 40))}, there are: ${LEVELS.join(", ")}`;
    for (const each of isRange ? LEVELS.slice(LEVELS.indexOf(level)) : [level]) found.add(each);
  }
  return LEVELS.filter((level) => found.has(level));
}

/** Values between commas, quoted or not, without white space. `null` where a quotation does not end. */
function readList(text: string, begin: number): { values: string[]; to: number } | null {
  const values: string[] = [];
  let at = begin;
  for (;;) {
    if (text[at] === '"') {
      const quoted = readQuoted(text, at);
      if (quoted === null) return null;
      values.push(quoted.value);
      at = quoted.to;
    } else {
      const end = at + (/^[^\s,]*/u.exec(text.slice(at))?.[0].length ?? 0);
      values.push(text.slice(at, end));
      at = end;
    }
    if (text[at] !== ",") break;
    at++;
  }
  // What stands right behind a closing quote belongs to nothing.
  const to = wordEnd(text, at);
  return { values: values.map((value) => value.trim()).filter((value) => value !== ""), to };
}

function readQuoted(text: string, at: number): { value: string; to: number } | null {
  const quoted = /^"((?:\\["\\]|[^"])*?)"/su.exec(text.slice(at));
  if (!quoted) return null;
  return { value: (quoted[1] ?? "").replace(/\\(["\\])/gu, "$1"), to: at + quoted[0].length };
}

/** A text as `q` takes it: one that reads as a regular expression there has to be written as one. */
function asText(text: string): string {
  if (!/^\/.+\/i?$/su.test(text)) return text;
  return `/${text.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&")}/i`;
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && /\s/u.test(text[at] ?? "")) at++;
  return at;
}

function wordEnd(text: string, at: number): number {
  while (at < text.length && !/\s/u.test(text[at] ?? "")) at++;
  return at;
}

/** The terms as the query parameters that every route takes. */
export function queryParams(terms: readonly Term[]): URLSearchParams {
  const params = new URLSearchParams();
  for (const { kind, isNegated, path, values } of terms) {
    if (kind === "text" || kind === "regexp") params.append(isNegated ? "not" : "q", values[0] ?? "");
    else {
      const name = `${isNegated ? "not." : ""}${kind === "meta" ? `meta.${path}` : kind}`;
      // One list, but where a backslash would take its comma away.
      const list = [...params.getAll(name), ...values.map(listValue)];
      if (list.some((value) => value.endsWith("\\"))) {
        for (const value of values) params.append(name, listValue(value));
      } else params.set(name, list.join(","));
    }
  }
  return params;
}

/** A value in a list between commas: it may itself hold one. */
export function listValue(value: string): string {
  return value.replaceAll(",", "\\,");
}

/** The values of a list between commas; `\,` is a comma within a value. */
export function listValues(list: string): string[] {
  return list.split(/(?<!\\),/u).map((value) => value.replaceAll("\\,", ",").trim()).filter((value) =>
    value !== ""
  );
}

/** Writes query parameters as a text. {@link parseQuery} reads from it what means the same. */
export function queryText(params: URLSearchParams): string {
  const parts: string[] = params.getAll("filter").filter((text) => text.trim() !== "");
  const keyed = (name: string) => {
    const values = params.getAll(name).flatMap(listValues);
    if (values.length === 0) return;
    const [sign, key] = name.startsWith("not.") ? ["-", name.slice(4)] : ["", name];
    parts.push(termText(`${sign}${key}`, values));
  };
  for (const name of ["level", "not.level", "service", "not.service"]) keyed(name);
  for (const name of new Set(params.keys())) if (/^(?:not\.)?meta\./u.test(name)) keyed(name);
  for (const text of params.getAll("q")) if (text !== "") parts.push(patternTerm(text));
  for (const text of params.getAll("not")) if (text !== "") parts.push(`-${patternTerm(text)}`);
  return parts.join(" ");
}

/** A term with a key, such as `-service` or `meta.user`. */
export function termText(key: string, values: readonly string[]): string {
  return `${key}${key.includes("meta.") ? "=" : ":"}${values.map(valueText).join(",")}`;
}

function valueText(value: string): string {
  return /^[\p{L}\p{N}_./@%:*#~^+-]+$/u.test(value) ? value : quote(value);
}

/** A text or a regular expression as `q` holds it, as a term. */
function patternTerm(text: string): string {
  const regexp = /^\/(.+)\/(i?)$/su.exec(text);
  if (regexp) {
    // A slash before white space would end it.
    const source = (regexp[1] ?? "").replace(
      /(\\.)|\//gsu,
      (_, escaped: string | undefined) => escaped ?? "\\/",
    );
    return `/${source}/${regexp[2] ?? ""}`;
  }
  const isPlain = !/[\s"]/u.test(text) && !/^[-/]/u.test(text) && !KEY.test(text);
  return isPlain ? text : quote(text);
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/gu, "\\$&")}"`;
}

/** The text without a term, and without the white space that it leaves. */
export function withoutTerm(text: string, term: Pick<Term, "from" | "to">): string {
  return cut(text, term).trim();
}

/** The text with terms in place of all those that `isReplaced` tells. */
export function replaceTerms(
  text: string,
  isReplaced: (term: Term) => boolean,
  terms: readonly string[],
): string {
  // From the last on, so that the places of the others stay.
  const kept = parseQuery(text).terms.filter(isReplaced).reduceRight(cut, text);
  return [...terms, kept.trim()].filter((part) => part !== "").join(" ");
}

function cut(text: string, { from, to }: Pick<Term, "from" | "to">): string {
  return `${text.slice(0, from).trimEnd()} ${text.slice(to).trimStart()}`;
}
