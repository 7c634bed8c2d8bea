/**
 * Places in a log's metadata, and the texts that stand there: the same in the page, in the hub and in SQL. Pure.
 *
 * A path is written `user.id`; a dot or a backslash within a key has a backslash before it. An item of a list has its number, from 0. What
 * stands at a path has a text where it is a text, a number or a boolean, as PostgreSQL's operator `#>>` writes it
 * (PostgreSQL manual section 9.16.1); null, lists and objects have none.
 */

/** Keys, from the outermost on. Never empty. */
export type MetadataPath = readonly string[];

/** Bounds of paths, in keys and characters. */
export const PATH_BOUNDS = { keys: 10, characters: 200 } as const;

/** Reads a path, `null` where it is none: an empty key, a NUL, or over {@link PATH_BOUNDS}. */
export function parsePath(text: string): MetadataPath | null {
  if (text.length > PATH_BOUNDS.characters || text.includes("\0")) return null;
  const keys: string[] = [];
  let key = "";
  for (let i = 0; i < text.length; i++) {
    const [character = "", next] = [text[i], text[i + 1]];
    if (character === ".") {
      keys.push(key);
      key = "";
    } else if (character === "\\" && (next === "." || next === "\\")) {
      key += next;
      i++;
    } else key += character;
  }
  keys.push(key);
  return keys.length > PATH_BOUNDS.keys || keys.includes("") ? null : keys;
}

/** Writes a path as {@link parsePath} reads it. */
export function pathText(path: MetadataPath): string {
  return path.map((key) => key.replaceAll("\\", "\\\\").replaceAll(".", "\\.")).join(".");
}

/** The metadata of a log made ready to be asked. Numbers that would not keep their digits as numbers are texts. */
export type MetadataTexts = string | number | boolean | null | readonly MetadataTexts[] | {
  readonly [key: string]: MetadataTexts;
};

/** Numbers that PostgreSQL writes otherwise than JavaScript: 1.0, those of many digits, very small ones. May find others, too. */
const OTHERWISE = /\d{16}|\.\d*0(?!\d)|0\.000000/u;

/** Reads metadata from the JSON that PostgreSQL writes of it. */
export function readMetadata(json: string): MetadataTexts {
  if (!OTHERWISE.test(json)) return JSON.parse(json);
  // Takes ten times as long.
  return JSON.parse(
    json,
    (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === "number" ? context?.source ?? String(value) : value,
  ) as MetadataTexts;
}

/** The text at a path, `undefined` where there is none. */
export function textAt(metadata: MetadataTexts, path: MetadataPath): string | undefined {
  let value: MetadataTexts | undefined = metadata;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = isList(value) ? value.at(itemIndex(key)) : Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value === undefined || value === null || typeof value === "object" ? undefined : String(value);
}

/** The number of an item as PostgreSQL reads it (strtoint: from the end where negative); far outside where it is none. */
function itemIndex(key: string): number {
  const index = /^[ \t\n\v\f\r]*[+-]?\d+$/u.test(key) ? Number(key) : NaN;
  return Math.abs(index) < 2 ** 31 ? index : 2 ** 31;
}

function isList(value: object): value is readonly MetadataTexts[] {
  return Array.isArray(value);
}
