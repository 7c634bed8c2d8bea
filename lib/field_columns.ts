/** Metadata as columns: paths whose texts come with every log. Pure. */

import { FilterError } from "./filter.ts";
import { type MetadataPath, type MetadataTexts, parsePath, pathText, textAt } from "./metadata_path.ts";

/** The most columns, and the most characters of what stands in one. */
export const COLUMN_BOUNDS = { columns: 10, characters: 200 } as const;

/** What stands in the columns of a log, by their paths. Where there is nothing there is no entry. */
export type Fields = Readonly<Record<string, string>>;

/**
 * Reads `fields=user.id,region` from a query string.
 *
 * @throws {FilterError} where one is no path, or there are too many
 */
export function readColumns(params: URLSearchParams): readonly MetadataPath[] {
  const texts = new Set(
    params.getAll("fields").flatMap((list) => list.split(",")).filter((text) => text !== ""),
  );
  if (texts.size > COLUMN_BOUNDS.columns) {
    throw new FilterError(
      "fields",
      `Too long: ${texts.size} fields, at most ${COLUMN_BOUNDS.columns} are allowed`,
    );
  }
  return [...texts].map((text) => {
    const path = parsePath(text);
    if (path === null) {
      throw new FilterError("fields", "Not a list of paths of metadata, such as user.id,region");
    }
    return path;
  });
}

/** The same text for the same columns. */
export function columnsKey(columns: readonly MetadataPath[]): string {
  return JSON.stringify(columns);
}

/** What metadata holds for columns. */
export function fieldsOf(metadata: MetadataTexts, columns: readonly MetadataPath[]): Fields {
  return Object.fromEntries(columns.flatMap((path) => {
    const text = textAt(metadata, path);
    return text === undefined ? [] : [[pathText(path), cut(text)]];
  }));
}

/** Its first characters, of which none is halved: they are counted as PostgreSQL counts them. */
function cut(text: string): string {
  const { characters } = COLUMN_BOUNDS;
  return text.length <= characters ? text : [...text].slice(0, characters).join("");
}
