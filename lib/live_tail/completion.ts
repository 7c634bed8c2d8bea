/** What a filter that is being typed may become. Pure. */

import { LEVELS } from "../log.ts";
import { termText } from "../query_language.ts";

/** What `GET /api/logs/values` knows. */
export interface KnownValues {
  /** How many logs there are of each level. */
  readonly levels: Readonly<Record<string, number>>;
  readonly services: readonly { readonly value: string; readonly count: number }[];
  readonly metadata: readonly {
    readonly path: string;
    readonly count: number;
    readonly examples: readonly string[];
  }[];
}

/** Nothing known. */
export const NOTHING_KNOWN: KnownValues = { levels: {}, services: [], metadata: [] };

/** One suggestion. */
export interface Suggestion {
  /** What stands in the list. */
  readonly label: string;
  /** Beside it: what it is, or how often it is there. */
  readonly hint: string;
  /** The field's text when it is taken, and where the caret is then. */
  readonly text: string;
  readonly caret: number;
}

/** The most suggestions at a time. */
const MOST = 12;

const KEYS = [
  ["level:", "error, warn and so on"],
  ["service:", "who wrote it"],
  ["meta.", "a field of the metadata"],
  ["/", "a regular expression: /time(out|d out)/"],
  ["-", "leaves out: -healthz, -service:web"],
] as const;

/** The suggestions for a text with the caret at a place. `recent` are filters that were used before. */
export function suggest(
  text: string,
  caret: number,
  { known, recent }: { known: KnownValues; recent: readonly string[] },
): readonly Suggestion[] {
  const before = text.slice(0, caret);
  const begin = wordStart(before);
  const after = /^\S*/u.exec(text.slice(caret))?.[0] ?? "";
  const word = before.slice(begin);
  const sign = word.startsWith("-") ? "-" : "";
  const typed = word.slice(sign.length);
  /** The text with something in place of the word at the caret. */
  const put = (label: string, hint: string, term: string, isWhole = true): Suggestion => {
    const tail = text.slice(caret + after.length);
    const space = isWhole && !/^\s/u.test(tail) ? " " : "";
    const start = `${text.slice(0, begin)}${sign}${term}${space}`;
    return { label, hint, text: start + tail, caret: start.length };
  };

  const keyed = /^(level|service|meta\.(?:[^\s:=<>"]+))(:|=)(.*)$/su.exec(typed);
  if (keyed) {
    const [, key = "", , list = ""] = keyed;
    const cut = list.lastIndexOf(",") + 1;
    const chosen = list.slice(0, cut);
    const values = valuesOf(key, known);
    const begun = list.slice(cut).replace(/^"/u, "");
    const taken = new Set(chosen.split(",").map((value) => value.replace(/^"|"$/gu, "")));
    return ranked(values.filter(({ value }) => !taken.has(value)), begun).map(({ value, hint }) => {
      const written = termText(key, [value]);
      const separator = key.startsWith("meta.") ? "=" : ":";
      return put(value, hint, `${key}${separator}${chosen}${written.slice(key.length + 1)}`);
    });
  }
  if (typed.startsWith("meta.")) {
    const paths = known.metadata.map(({ path, count }) => ({ value: `meta.${path}`, hint: logs(count) }));
    return ranked(paths, typed).map(({ value, hint }) => put(`${value}=`, hint, `${value}=`, false));
  }
  if (/^["/]/u.test(typed)) return [];
  if (text.trim() === "") {
    return [
      ...recent.map((filter) => ({ label: filter, hint: "recent", text: filter, caret: filter.length })),
      ...KEYS.map(([key, hint]) => put(key, hint, key, false)),
    ].slice(0, MOST);
  }
  const keys = KEYS.filter(([key]) => key.startsWith(typed) && !(sign && key === "-"))
    .map(([key, hint]) => put(key, hint, key, false));
  if (typed === "") return keys;
  const terms = [
    ...LEVELS.map((level) => ({ value: level, hint: logs(known.levels[level] ?? 0), key: "level" })),
    ...known.services.map(({ value, count }) => ({ value, hint: logs(count), key: "service" })),
  ];
  return [
    ...keys,
    ...ranked(terms, typed).map(({ value, hint, key }) => {
      const term = termText(key, [value]);
      return put(term, hint, term);
    }),
    ...ranked(known.metadata.map(({ path, count }) => ({ value: path, hint: logs(count) })), typed)
      .map(({ value, hint }) => put(`meta.${value}=`, hint, `meta.${value}=`, false)),
  ].slice(0, MOST);
}

/** Where the word before the caret begins: behind the last white space that stands in no quotation. */
function wordStart(before: string): number {
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i < before.length; i++) {
    const character = before[i] ?? "";
    if (isQuoted && character === "\\") i++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /\s/u.test(character)) start = i + 1;
  }
  return start;
}

function valuesOf(key: string, known: KnownValues): readonly { value: string; hint: string }[] {
  if (key === "level") {
    return [...LEVELS].reverse().map((level) => ({ value: level, hint: logs(known.levels[level] ?? 0) }));
  }
  if (key === "service") return known.services.map(({ value, count }) => ({ value, hint: logs(count) }));
  const field = known.metadata.find(({ path }) => `meta.${path}` === key);
  return (field?.examples ?? []).map((value) => ({ value, hint: "" }));
}

/** Those that begin so, then those that hold it; each as they came. */
function ranked<V extends { readonly value: string }>(values: readonly V[], begun: string): readonly V[] {
  const lower = begun.toLowerCase();
  const rank = ({ value }: V) => {
    const at = value.toLowerCase().indexOf(lower);
    return at === 0 ? 0 : at > 0 ? 1 : 2;
  };
  return values.map((value) => ({ value, rank: rank(value) })).filter(({ rank }) => rank < 2)
    .sort((a, b) => a.rank - b.rank).slice(0, MOST).map(({ value }) => value);
}

function logs(count: number): string {
  return count === 0 ? "" : count.toLocaleString("en-US");
}
