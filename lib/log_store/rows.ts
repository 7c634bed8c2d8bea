/** Rows of `logs` as logs, and filters as SQL. */

import type postgres from "postgres";
import { COLUMN_BOUNDS } from "../field_columns.ts";
import type { Filter, TextPattern } from "../filter.ts";
import type { Level, Log, WholeLog } from "../log.ts";
import { compileFilter, matches } from "../match.ts";
import { type MetadataPath, pathText } from "../metadata_path.ts";

/** A message longer than this many characters is sent as a preview; the trigger cuts at the same place by default. */
export const PREVIEW = 1000;

/** The most of a message that filters look at and that is kept for them, in characters. */
export const MOST_MATCHED = 1_048_576;

/** A row as {@link columns} selects it. */
export interface Row {
  id: string;
  timestamp: string;
  level: Level;
  service: string;
  message: string;
  truncated: boolean;
  metadata?: Record<string, unknown> | null;
  /** The whole message of a truncated one, where the filter cannot be decided in SQL. */
  whole?: string | null;
  xid?: string;
  /** As {@link fieldColumns} selects them. */
  fields?: Record<string, string>;
}

/** The columns of a log with its message cut to a preview. */
export function columns(sql: postgres.ISql) {
  return sql`id, log_timestamp("timestamp") as "timestamp", log_level(level) as level, service,
    left(message, ${PREVIEW}) as message, length(message) > ${PREVIEW} as truncated`;
}

/** The texts of the metadata at these paths besides, as {@link Log.fields} has them. */
export function fieldColumns(sql: postgres.ISql, columns: readonly MetadataPath[] = []) {
  if (columns.length === 0) return sql``;
  const pairs = columns.map((path) =>
    sql`${pathText(path)}::text, left(${fieldText(sql, path)}, ${COLUMN_BOUNDS.characters})`
  );
  const [first, ...others] = pairs;
  return sql`, jsonb_strip_nulls(jsonb_build_object(${
    others.reduce((all, pair) => sql`${all}, ${pair}`, first ?? sql``)
  })) as fields`;
}

/** The whole message besides, where it is longer than the preview and something has to look at it. */
export function wholeMessage(sql: postgres.ISql, wanted: boolean) {
  return wanted
    ? sql`, case when length(message) > ${PREVIEW} then left(message, ${MOST_MATCHED}) end as whole`
    : sql``;
}

/** Rows fetched at a time: fewer where each may hold a message of 1 MiB. */
export function batchSize(wholeMessages: boolean): number {
  return wholeMessages ? 100 : 500;
}

/** A row as it is sent. */
export function toLog(row: Row): Log {
  const { timestamp, level, service, message } = row;
  const log = { id: Number(row.id), timestamp, level, service, message };
  const marked = row.truncated ? { ...log, truncated: true as const } : log;
  return row.fields ? { ...marked, fields: row.fields } : marked;
}

/** A row with its metadata. */
export function toWholeLog(row: Row): WholeLog {
  return { ...toLog(row), metadata: row.metadata ?? null };
}

/** A filter, as far as SQL can decide it, and the rest. */
export interface Condition {
  /** `and ...`, or nothing. Lets through all that match, and more where `matches` is set. */
  readonly sql: postgres.PendingQuery<postgres.Row[]>;
  /** Decides what SQL could not, on rows selected with {@link wholeMessage}. Null where SQL decided everything. */
  readonly matches: ((row: Row) => boolean) | null;
}

/**
 * Translates a filter. Text of ASCII is looked for by PostgreSQL; regular expressions (RE2 here, another dialect there) and
 * other text (whose case rules depend on the database's locale) are left to the same code that the live stream uses.
 *
 * @throws {FilterError} when the filter does not compile
 */
export function condition(sql: postgres.ISql, filter: Filter): Condition {
  // PostgreSQL always decides about metadata, and rows do not carry it here.
  const matcher = compileFilter({ ...filter, fields: [], notFields: [] });
  const storable = (values: readonly string[]) => values.filter((value) => !value.includes("\0"));
  // No text of PostgreSQL holds a NUL, and a query with one fails.
  const [services, notServices] = [storable(filter.services), storable(filter.notServices)];
  let found = sql``;
  if (filter.levels.length > 0) found = sql`${found} and log_level(level) in ${sql(filter.levels)}`;
  if (services.length > 0) found = sql`${found} and service in ${sql(services)}`;
  else if (filter.services.length > 0) found = sql`${found} and false`;
  if (notServices.length > 0) found = sql`${found} and service not in ${sql(notServices)}`;
  for (const { text } of filter.q.filter(isPlain)) found = sql`${found} and ${contains(sql, text)}`;
  for (const { text } of filter.not.filter(isPlain)) found = sql`${found} and not ${contains(sql, text)}`;
  for (const { path, values } of filter.fields) {
    found = sql`${found} and ${holds(sql, path, storable(values))}`;
  }
  for (const { path, values } of filter.notFields) {
    found = sql`${found} and not ${holds(sql, path, storable(values))}`;
  }
  return {
    sql: found,
    matches: isDecidedInSql(filter)
      ? null
      : (row) => matches(matcher, { ...toLog(row), message: row.whole ?? row.message }),
  };
}

/** The text at a path of the metadata, null where there is none. See `metadata_path.ts`. */
export function fieldText(sql: postgres.ISql, path: MetadataPath) {
  const keys = textArray(sql, path);
  return sql`case when jsonb_typeof(metadata #> ${keys}) in ('string', 'number', 'boolean')
    then metadata #>> ${keys} end`;
}

/** Never null, so that it can be negated. */
function holds(sql: postgres.ISql, path: MetadataPath, values: readonly string[]) {
  if (values.length === 0) return sql`false`;
  return sql`coalesce((${fieldText(sql, path)}) in ${sql(values)}, false)`;
}

/** A text[] as one parameter: the pool knows no array types. (PostgreSQL manual section 8.15.2) */
function textArray(sql: postgres.ISql, texts: readonly string[]) {
  const quoted = texts.map((text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`);
  return sql`${`{${quoted.join()}}`}::text::text[]`;
}

/** Whether PostgreSQL decides a filter all by itself. */
export function isDecidedInSql({ q, not }: Filter): boolean {
  return [...q, ...not].every(isPlain);
}

function isPlain(pattern: TextPattern): pattern is TextPattern & { kind: "text" } {
  // deno-lint-ignore no-control-regex -- ASCII is meant, all of it
  return pattern.kind === "text" && /^[\x00-\x7f]*$/u.test(pattern.text);
}

/** `text` is in lower case. The "C" collation lower-cases ASCII and nothing else, whatever the locale. */
function contains(sql: postgres.ISql, text: string) {
  if (text.includes("\0")) return sql`false`;
  return sql`strpos(lower(message collate "C"), ${text}) > 0`;
}
