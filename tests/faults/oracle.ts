/** Asks the table what each viewer should have been told. */

import type postgres from "postgres";
import { judge, type OwnRow, type Verdict } from "./judge.ts";
import type { FaultViewer } from "./viewer.ts";

/** Judges one viewer. `sql` connects as whoever owns the table. */
export async function judgeViewer(sql: postgres.Sql, viewer: FaultViewer): Promise<Verdict> {
  const { ledger, organizationId, filter, snapshot } = viewer;
  const own = sql`organization_id = ${organizationId} and ${sql.unsafe(filter.where)}`;
  const visible = (cursor: string) => sql`pg_visible_in_snapshot(xid, ${cursor}::pg_snapshot)`;
  // Without a beginning nothing was promised.
  const known = snapshot === null ? sql`true` : visible(snapshot);
  const rows: OwnRow[] = [];
  const found = sql<{ id: string; n: string; known: boolean }[]>`
    select id, substring(message from '^#([0-9]+) ') as n, ${known} as known from logs where ${own}`;
  for await (const batch of found.cursor(5000)) {
    for (const { id, n, known } of batch) rows.push({ id: Number(id), n: Number(n), isExpected: !known });
  }
  const windows: number[][] = [];
  for (const { since, cursor } of ledger.gaps) {
    const between = await sql<{ id: string }[]>`
      select id from logs where ${own} and not ${visible(since)} and ${visible(cursor)}`;
    windows.push(between.map(({ id }) => Number(id)));
  }
  return judge(rows, ledger, windows);
}
