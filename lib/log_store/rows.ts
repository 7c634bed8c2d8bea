/** Rows of `logs` as logs, and filters as SQL. */

import type postgres from "postgres";
import type { Filter, TextPattern } from "../filter.ts";
import type { Level, Log, WholeLog } from "../log.ts";
import { compileFilter, matches } from "../match.ts";

/** A message longer than this many characters is sent as a preview; the trigger cuts at the same place by default. */
export const PREVIEW = 1000;

/** The most of a message that filters look at and that is kept for them, in characters. */
const MOST_MATCHED = 1_048_576;

/** A connection, a pool or a transaction. */
export type Sql = postgres.Sql | postgres.TransactionSql;

/** A row as {@link columns} selects it. */
export interface Row {
  id: string;
  timestamp: string;
  level: Level;
  service: string;
  message: string;
  truncated: boolean;
  metadata?: Record<string, unknown> | null;
  /** The whole message where the filter cannot be decided in SQL. */
  whole?: string;
  xid?: string;
}

/** The columns of a log with its message cut to a preview. */
export function columns(sql: Sql) {
  return sql`id, log_timestamp("timestamp") as "timestamp", log_level(level) as level, service,
    left(message, ${PREVIEW}) as message, length(message) > ${PREVIEW} as truncated`;
}

/** The whole message besides, where something has to look at it. */
export function wholeMessage(sql: Sql, wanted: boolean) {
  return wanted ? sql`, left(message, ${MOST_MATCHED}) as whole` : sql``;
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
export function condition(sql: Sql, filter: Filter): Condition {
  const matcher = compileFilter(filter);
  const patterns = filter.q ? [filter.q, ...filter.not] : filter.not;
  let unwanted = sql``;
  for (const { text } of filter.not.filter(isPlain)) {
    unwanted = sql`${unwanted} and not ${contains(sql, text)}`;
  }
  return {
    sql: sql`
      ${filter.levels.length > 0 ? sql`and log_level(level) in ${sql(filter.levels)}` : sql``}
      ${filter.services.length > 0 ? sql`and service in ${sql(filter.services)}` : sql``}
      ${filter.q && isPlain(filter.q) ? sql`and ${contains(sql, filter.q.text)}` : sql``}
      ${unwanted}`,
    matches: patterns.every(isPlain)
      ? null
      : (row) => matches(matcher, { ...toLog(row), message: row.whole ?? row.message }),
  };
}

function isPlain(pattern: TextPattern): pattern is TextPattern & { kind: "text" } {
  // deno-lint-ignore no-control-regex -- ASCII is meant, all of it
  return pattern.kind === "text" && /^[\x00-\x7f]*$/u.test(pattern.text);
}

/** `text` is in lower case. The "C" collation lower-cases ASCII and nothing else, whatever the locale. */
function contains(sql: Sql, text: string) {
  return sql`strpos(lower(message collate "C"), ${text}) > 0`;
}
