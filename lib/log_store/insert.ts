/** Storing logs that came in over HTTP. */

import type { LogInput } from "../log_input.ts";
import { behindWall, type ScopedSql } from "./wall.ts";

/** Inserts logs in one statement, so all or none, and returns their ids in the same order. */
export function insertLogs(
  db: ScopedSql,
  organizationId: number,
  logs: readonly LogInput[],
): Promise<number[]> {
  return insertJson(db, organizationId, JSON.stringify(logs));
}

/**
 * The same for logs that are written as a JSON array already.
 *
 * The rows travel as one JSON text: a list of arrays a column would have to be escaped a second time, and single parameters
 * end at 65,535.
 */
export async function insertJson(db: ScopedSql, organizationId: number, json: string): Promise<number[]> {
  // ::text first: postgres.js would otherwise serialise the text once more as a JSON string.
  const rows = await db.sql<{ id: string }[]>`
    insert into logs (organization_id, "timestamp", level, service, message, metadata)
    select ${organizationId}, coalesce(l."timestamp", now()), l.level, l.service, l.message, l.metadata
    from json_to_recordset(${json}::text::json)
      as l ("timestamp" timestamptz, level text, service text, message text, metadata jsonb)
    where ${behindWall(db)}
    returning id`;
  return rows.map((row) => Number(row.id));
}
