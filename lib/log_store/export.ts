/** All logs of a filter and a range of time, as they were at one moment, oldest first. */

import type { Filter } from "../filter.ts";
import type { WholeLog } from "../log.ts";
import { condition, type Row, toWholeLog } from "./rows.ts";
import { behindWall, type ScopedSql } from "./wall.ts";

/** What is exported. */
export interface ExportQuery {
  readonly organizationId: number;
  readonly filter: Filter;
  /** Epoch milliseconds, inclusive; `null` is from the first. */
  readonly from: number | null;
  /** Epoch milliseconds, exclusive; `null` is to the last. */
  readonly to: number | null;
}

/** A moment, and what of the table is within it. */
export interface ExportPlan extends ExportQuery {
  /** As `pg_current_snapshot()` writes it: logs that were not committed then are left out. */
  readonly snapshot: string;
  /** The least and the greatest id; 0 where there are no logs. */
  readonly first: number;
  readonly last: number;
}

/** Some logs, and behind which id the next begin; `null` once there are none. */
export interface ExportStep {
  readonly logs: readonly WholeLog[];
  readonly next: number | null;
}

/** Of one step: rows that are looked at, rows that are sent, and their bytes. */
const [MOST_SCANNED, MOST_ROWS, MOST_BYTES] = [20_000, 1000, 4 * 1024 * 1024];

/** Takes the moment. */
export async function planExport(db: ScopedSql, query: ExportQuery): Promise<ExportPlan> {
  const { sql } = db;
  const { organizationId } = query;
  const [found] = await sql<{ snapshot: string; first: string | null; last: string | null }[]>`
    select pg_current_snapshot()::text as snapshot,
      (select id from logs where ${
    behindWall(db)
  } and organization_id = ${organizationId} order by id limit 1) as first,
      (select id from logs where ${
    behindWall(db)
  } and organization_id = ${organizationId} order by id desc limit 1)
        as last`;
  if (!found) throw new Error("PostgreSQL gave no snapshot");
  return {
    ...query,
    snapshot: found.snapshot,
    first: Number(found.first ?? 0),
    last: Number(found.last ?? 0),
  };
}

/** Reads the logs behind an id. Each step is a statement or two of its own: between them nothing is held. */
export async function readExport(db: ScopedSql, plan: ExportPlan, after: number): Promise<ExportStep> {
  const { sql } = db;
  const { organizationId, filter, from, to, snapshot, last } = plan;
  const [window] = await sql<{ end: string | null }[]>`
    select max(id) as end from (
      select id from logs
      where ${behindWall(db)} and organization_id = ${organizationId} and id > ${after} and id <= ${last}
      order by id limit ${MOST_SCANNED}
    ) as scanned`;
  const end = Number(window?.end ?? 0);
  if (end === 0) return { logs: [], next: null };
  const { sql: filtered, matches } = condition(sql, filter);
  // The lengths of values are known without reading them, wherever they lie.
  const rows = await sql<(Row & { following: string | null })[]>`
    select id, log_timestamp("timestamp") as "timestamp", log_level(level) as level, service, message,
      false as truncated, metadata, following
    from (
      select *, lead(id) over (order by id) as following, sum(size) over (order by id) - size as before
      from (
        select *, octet_length(message) + coalesce(pg_column_size(metadata), 0) as size from logs
        where ${behindWall(db)} and organization_id = ${organizationId} and id > ${after} and id <= ${end}
          and pg_visible_in_snapshot(xid, ${snapshot}::pg_snapshot)
          ${from === null ? sql`` : sql`and "timestamp" >= to_timestamp(${from}::float8 / 1000)`}
          ${to === null ? sql`` : sql`and "timestamp" < to_timestamp(${to}::float8 / 1000)`}
          ${filtered}
        order by id limit ${MOST_ROWS + 1}
      ) as found
    ) as sized
    where before <= ${MOST_BYTES}
    order by id
    limit ${MOST_ROWS}`;
  const final = rows.at(-1);
  return {
    logs: rows.filter((row) => !matches || matches(row)).map(toWholeLog),
    next: final?.following ? Number(final.id) : end < last ? end : null,
  };
}
