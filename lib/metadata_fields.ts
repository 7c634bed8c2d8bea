/** Which fields metadata has, for those who choose one. Pure. */

/** A field of metadata. */
export interface MetadataField {
  /** Keys joined by dots. */
  readonly path: string;
  /** Objects that have it. */
  readonly count: number;
  /** The most frequent values, as text. */
  readonly examples: readonly string[];
}

/** What the answer has room for. */
const MOST_FIELDS = 50;
const MOST_EXAMPLES = 5;

/** Longer paths are left out, and examples cut, in characters. */
const LONGEST_PATH = 200;
const LONGEST_EXAMPLE = 50;

/** What lies deeper, in keys, is not looked at. */
const DEEPEST = 5;

/** Counts the fields of objects that hold texts, numbers or truth values, the most frequent first. What is no object has none. */
export function metadataFields(objects: readonly unknown[]): MetadataField[] {
  const found = new Map<string, Map<string, number>>();
  for (const object of objects) {
    for (const [path, value] of scalars(object)) {
      const values = found.get(path) ?? new Map<string, number>();
      found.set(path, values);
      const example = cut(String(value));
      values.set(example, (values.get(example) ?? 0) + 1);
    }
  }
  return [...found].map(([path, values]) => {
    const examples = [...values].sort(byCount).slice(0, MOST_EXAMPLES).map(([example]) => example);
    return { path, count: [...values.values()].reduce((sum, n) => sum + n, 0), examples };
  }).sort((a, b) => byCount([a.path, a.count], [b.path, b.count])).slice(0, MOST_FIELDS);
}

/** The most first; of as many in the order of their names, so that the same logs give the same answer. */
function byCount([a, m]: readonly [string, number], [b, n]: readonly [string, number]): number {
  return n - m || (a < b ? -1 : 1);
}

function* scalars(value: unknown, path = "", depth = 0): Generator<[path: string, value: unknown]> {
  if (path.length > LONGEST_PATH || value === null) return;
  if (typeof value !== "object") {
    if (depth > 0) yield [path, value];
  } else if (depth < DEEPEST && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) {
      yield* scalars(inner, depth === 0 ? key : `${path}.${key}`, depth + 1);
    }
  }
}

/** The beginning of a text, with no half of a surrogate pair at its end. */
function cut(text: string): string {
  return text.slice(0, LONGEST_EXAMPLE).replace(/[\ud800-\udbff]$/u, "");
}
