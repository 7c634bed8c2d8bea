/**
 * Logs with a transaction id that this cluster has not handed out yet. A restored dump brings them along, and so does a
 * logical copy or an upgrade that did not keep the counter: to every cursor they look as if they were still to come.
 *
 * A statement that sees a row which this cluster wrote has an xmax above that row's transaction, so the two cannot be
 * mistaken for each other, whatever else is running (PostgreSQL manual 9.27.8, `pg_snapshot_xmax`).
 */

import type postgres from "postgres";
import { behindWall, scoped } from "./log_store/wall.ts";

/** What mended rows get: FrozenTransactionId, which every snapshot of every cluster sees. */
const FROZEN = "2";

/** Rows that one statement mends. */
export const MEND_BATCH = 10_000;

/**
 * The organizations that have such logs, at most `limit` of them. One step in the index on (organization_id, xid) to each next
 * organization and one to its greatest xid, however many logs there are. `organizations` need not list them all.
 */
export async function foreignOrganizations(
  sql: postgres.ISql,
  { limit = 1000 }: { limit?: number } = {},
): Promise<string[]> {
  const inside = behindWall(scoped(sql, "foreign_logs"));
  const rows = await sql<{ id: string }[]>`
    with recursive organization as (
      (select organization_id as id from logs where ${inside} order by organization_id limit 1)
      union all
      select (
        select organization_id from logs where ${inside} and organization_id > organization.id
        order by organization_id limit 1
      ) from organization where id is not null
    )
    select organization.id::text as id from organization, lateral (
      select xid from logs where ${inside} and organization_id = organization.id
      order by organization_id desc, xid desc limit 1
    ) as newest
    where newest.xid >= pg_snapshot_xmax(pg_current_snapshot()) limit ${limit}`;
  return rows.map(({ id }) => id);
}

/** How many such logs there are. */
export async function countForeignLogs(sql: postgres.ISql): Promise<number> {
  let count = 0;
  for (const organization of await foreignOrganizations(sql, { limit: 1_000_000 })) {
    const [row] = await sql<{ count: string }[]>`
      select count(*) from logs
      where ${behindWall(scoped(sql, "foreign_logs"))}
        and organization_id = ${organization} and xid >= pg_snapshot_xmax(pg_current_snapshot())`;
    count += Number(row?.count);
  }
  return count;
}

/**
 * Mends a batch of an organization: its rows count as written before every cursor, for nobody waits for them. The lowest ids
 * come first, being those that the cluster reaches first.
 *
 * @returns how many rows it mended
 */
export async function mendForeignLogs(sql: postgres.ISql, organization: string): Promise<number> {
  const { count } = await sql`
    with foreign_logs as materialized (
      select id from logs
      where organization_id = ${organization} and xid >= pg_snapshot_xmax(pg_current_snapshot())
      order by xid limit ${MEND_BATCH}
    )
    update logs set xid = ${FROZEN}::xid8 from foreign_logs
    where logs.organization_id = ${organization} and logs.id = foreign_logs.id
      and logs.xid >= pg_snapshot_xmax(pg_current_snapshot())`;
  return count;
}
