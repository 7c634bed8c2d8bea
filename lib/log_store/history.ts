/** History: pages of logs, and one log whole. */

import type { Filter } from "../filter.ts";
import type { WholeLog } from "../log.ts";
import type { MetadataPath } from "../metadata_path.ts";
import { batchSize, columns, condition, fieldColumns, type Row, toWholeLog, wholeMessage } from "./rows.ts";
import { behindWall, type ScopedSql } from "./wall.ts";

/** Which page of history. */
export interface HistoryQuery {
  readonly organizationId: number;
  readonly filter: Filter;
  /** What of the metadata comes with each log as {@link Log.fields}, too. */
  readonly columns?: readonly MetadataPath[];
  /** Only logs with a smaller id. */
  readonly before: number | null;
  /** Only logs with a greater id. */
  readonly after: number | null;
  readonly limit: number;
  /** By id; newest first unless told otherwise. */
  readonly order?: "asc" | "desc";
}

/** A page. `next` is the `before` of the next page, or its `after` where the oldest come first; null on the last. */
export interface HistoryPage {
  readonly logs: WholeLog[];
  readonly next: number | null;
}

/** Rows that are looked at for one page whose filter PostgreSQL cannot decide. */
const MOST_SCANNED = 50_000;

/**
 * Reads one page. Messages are previews. A page whose filter PostgreSQL cannot decide may come back short, with a `next` to go on from:
 * after `patience` milliseconds, or {@link MOST_SCANNED} rows.
 */
export async function readHistory(
  db: ScopedSql,
  query: HistoryQuery,
  { patience = 3000 } = {},
): Promise<HistoryPage> {
  const { sql } = db;
  const { sql: filtered, matches } = condition(sql, query.filter);
  const rows = sql<Row[]>`
    select ${columns(sql)}, metadata ${fieldColumns(sql, query.columns)} ${
    wholeMessage(sql, matches !== null)
  }
    from logs
    where ${behindWall(db)} and organization_id = ${query.organizationId}
      ${query.before === null ? sql`` : sql`and id < ${query.before}`}
      ${query.after === null ? sql`` : sql`and id > ${query.after}`}
      ${filtered}
    order by id ${query.order === "asc" ? sql`asc` : sql`desc`}
    limit ${matches ? MOST_SCANNED + 1 : query.limit + 1}`;
  const logs: WholeLog[] = [];
  const until = performance.now() + patience;
  let scanned = 0;
  let last: number | null = null;
  for await (const batch of rows.cursor(batchSize(matches !== null))) {
    for (const row of batch) {
      if (logs.length === query.limit || scanned === MOST_SCANNED) return { logs, next: last };
      // Asked for every row: each may be long.
      if (matches && scanned > 0 && performance.now() > until) return { logs, next: last };
      scanned++;
      last = Number(row.id);
      if (!matches || matches(row)) logs.push(toWholeLog(row));
    }
  }
  return { logs, next: null };
}

/** One log with its whole message, null where the organization has none of this id. */
export async function readLog(
  db: ScopedSql,
  organizationId: number,
  id: number,
): Promise<WholeLog | null> {
  const [row] = await db.sql<Row[]>`
    select id, log_timestamp("timestamp") as "timestamp", log_level(level) as level, service, message,
      false as truncated, metadata
    from logs where ${behindWall(db)} and organization_id = ${organizationId} and id = ${id}`;
  return row ? toWholeLog(row) : null;
}
