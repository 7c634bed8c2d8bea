/** Asks the table what each viewer should have been told. */

import type postgres from "postgres";
import { isClean, judge, type OwnRow, sees, type Verdict } from "./judge.ts";
import type { FaultViewer } from "./viewer.ts";
import type { World } from "./world.ts";
import { withClient } from "./writers.ts";

/** How long the judgement of one viewer may take, in milliseconds. */
const PATIENCE = 60_000;

/** What is wrong with all of them, counted. */
export interface Judgement {
  /** Rows that the table holds. */
  readonly rows: number;
  readonly missing: number;
  readonly repeated: number;
  readonly foreign: number;
  readonly unannounced: number;
}

/** Judges every viewer, and adds a line to the problems for each with which something is wrong. */
export async function judgeAll({ url, viewers, cold, problems }: World): Promise<Judgement> {
  const sum = { rows: 0, missing: 0, repeated: 0, foreign: 0, unannounced: 0 };
  await withClient(url, PATIENCE, async (sql) => {
    const [row] = await sql<{ rows: string }[]>`select count(*) as rows from logs`;
    sum.rows = Number(row?.rows);
  });
  for (const viewer of [...viewers, ...cold.viewers]) {
    const rows = await withClient(url, PATIENCE, (sql) => rowsOf(sql, viewer));
    const verdict = judge(rows, viewer.ledger);
    sum.missing += verdict.missing.length;
    sum.repeated += verdict.repeated.length;
    sum.foreign += verdict.foreign.length;
    sum.unannounced += verdict.unannounced;
    if (!isClean(verdict)) problems.push(describe(viewer, verdict), ...explain(viewer, verdict, rows));
  }
  return sum;
}

/** The rows that belong to a viewer. */
async function rowsOf(sql: postgres.Sql, viewer: FaultViewer): Promise<OwnRow[]> {
  const { organizationId, filter, snapshot, ends } = viewer;
  const own = sql`organization_id = ${organizationId} and ${sql.unsafe(filter.where)}`;
  // Without a beginning nothing was promised.
  const known = snapshot === null ? sql`true` : sql`pg_visible_in_snapshot(xid, ${snapshot}::pg_snapshot)`;
  const late = ends === null ? sql`false` : sql`not pg_visible_in_snapshot(xid, ${ends[0]}::pg_snapshot)
      and not pg_visible_in_snapshot(xid, ${ends[1]}::pg_snapshot)`;
  const found = sql<{ id: string; n: string; xid: string; known: boolean; late: boolean }[]>`
    select id, substring(message from '^#([0-9]+) ') as n, xid::text, ${known} as known, ${late} as late
    from logs where ${own}`;
  const rows: OwnRow[] = [];
  for await (const batch of found.cursor(5000)) {
    for (const { id, n, xid, known, late } of batch) {
      rows.push({ id: Number(id), n: Number(n), xid: Number(xid), isExpected: !known && !late });
    }
  }
  return rows;
}

/** What the viewer was told around that which is wrong first: how a cursor came to claim it. */
function explain(
  { history, snapshot }: FaultViewer,
  { missing, wrongGaps }: Verdict,
  rows: readonly OwnRow[],
): string[] {
  const lines: string[] = [];
  const around = (found: number) => {
    if (found < 0) lines.push("    it was told of none; the last that it was told:");
    const at = found < 0 ? history.length : found;
    for (const [time, what] of history.slice(Math.max(0, at - 12), at + 12)) {
      lines.push(`    ${(time / 1000).toFixed(3)} s  ${what.slice(0, 400)}`);
    }
  };
  const isMissing = new Set(missing);
  const first = rows.filter(({ id }) => isMissing.has(id)).sort((a, b) => a.xid - b.xid)[0];
  if (first) {
    lines.push(
      `  its beginning: ${snapshot}; transaction ${first.xid} wrote ${first.id}, the cursor that claims it:`,
    );
    around(history.findIndex(([, what]) => {
      const cursor = /"cursor":"([^"]+)"/u.exec(what)?.[1];
      return cursor !== undefined && sees(cursor)(first.xid);
    }));
  }
  for (const { gap, between, error } of wrongGaps.slice(0, 2)) {
    const { missed, since, cursor, sent, had } = gap;
    lines.push(
      `  gap of ${missed} wrong by ${error}: ${between} rows from ${since} to ${cursor}, ${sent.size} sent with it, ${had.size} before`,
    );
    around(history.findIndex(([, what]) => what.includes(`"missed":${missed},`)));
  }
  return lines;
}

/** One line for a person. */
function describe({ name, organizationId, filter }: FaultViewer, verdict: Verdict): string {
  const ids = (what: string, list: readonly number[]) => {
    const some = list.slice(0, 5).join(", ") + (list.length > 5 ? ", …" : "");
    return list.length === 0 ? [] : [`${list.length} ${what} (ids ${some})`];
  };
  const parts = [
    ...ids("missing", verdict.missing),
    ...ids("repeated", verdict.repeated),
    ...ids("foreign", verdict.foreign),
  ];
  if (verdict.unannounced > 0) parts.push(`gaps wrong by ${verdict.unannounced}`);
  return `${name}, organization ${organizationId}, filter ${filter.query || "none"}: ${parts.join(", ")}`;
}
