/** Rows of `logs` as logs, and filters as SQL. */

import type postgres from "postgres";
import type { Filter, TextPattern } from "../filter.ts";
import type { Level, Log, WholeLog } from "../log.ts";
import { compileFilter, matches } from "../match.ts";

/** A message longer than this many characters is sent as a preview; the trigger cuts at the same place by default. */
export const PREVIEW = 1000;

/** The most of a message that filters look at and that is kept for them, in characters. */
const MOST_MATCHED = 1_048_576;

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
}

/** The columns of a log with its message cut to a preview. */
export function columns(sql: postgres.ISql) {
  return sql`id, log_timestamp("timestamp") as "timestamp", log_level(level) as level, service,
    left(message, ${PREVIEW}) as message, length(message) > ${PREVIEW} as truncated`;
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
  return row.truncated ? { ...log, truncated: true } : log;
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
  const matcher = compileFilter(filter);
  // No text of PostgreSQL holds a NUL, and a query with one fails.
  const services = filter.services.filter((service) => !service.includes("\0"));
  let found = sql``;
  if (filter.levels.length > 0) found = sql`${found} and log_level(level) in ${sql(filter.levels)}`;
  if (services.length > 0) found = sql`${found} and service in ${sql(services)}`;
  else if (filter.services.length > 0) found = sql`${found} and false`;
  if (filter.q && isPlain(filter.q)) found = sql`${found} and ${contains(sql, filter.q.text)}`;
  for (const { text } of filter.not.filter(isPlain)) found = sql`${found} and not ${contains(sql, text)}`;
  return {
    sql: found,
    matches: isDecidedInSql(filter)
      ? null
      : (row) => matches(matcher, { ...toLog(row), message: row.whole ?? row.message }),
  };
}

/** Whether PostgreSQL decides a filter all by itself. */
export function isDecidedInSql({ q, not }: Filter): boolean {
  return [...q ? [q] : [], ...not].every(isPlain);
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
