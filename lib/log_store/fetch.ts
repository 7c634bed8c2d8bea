/** What the hub reads: the catch-up of a cursor, the newest logs, and rows that did not fit a notification. */

import type postgres from "postgres";
import type { Fetched, FetchedLog, HubStore } from "../hub/ports.ts";
import type { Gap } from "../sse.ts";
import { columns, type Condition, condition, type Row, toLog, wholeMessage } from "./rows.ts";

/** Rows fetched at a time. */
const FETCH = 500;

/** The hub's view of the table. */
export function createHubStore(sql: postgres.Sql): HubStore {
  return {
    async snapshot() {
      const [row] = await sql<{ cursor: string }[]>`select pg_current_snapshot()::text as cursor`;
      return row?.cursor ?? "";
    },

    newest: (query) =>
      inSnapshot(sql, async (tx, cursor) => {
        const found = condition(tx, query.filter);
        const logs: FetchedLog[] = [];
        const rows = tx<Row[]>`
          select ${columns(tx)}, xid::text ${wholeMessage(tx, found.matches !== null)}
          from logs where organization_id = ${query.organizationId} ${found.sql}
          order by id desc limit ${found.matches ? MOST_SCANNED : query.limit}`;
        reading:
        for await (const batch of rows.cursor(FETCH)) {
          for (const row of batch) {
            if (found.matches && !found.matches(row)) continue;
            logs.push(toFetched(row));
            if (logs.length === query.limit) break reading;
          }
        }
        return { logs: logs.reverse(), cursor, gap: null };
      }),

    catchUp: (query) =>
      inSnapshot(sql, async (tx, cursor) => {
        const found = condition(tx, query.filter);
        const missed = tx`
          from logs where organization_id = ${query.organizationId}
            and xid >= pg_snapshot_xmin(${query.since}::pg_snapshot)
            and not pg_visible_in_snapshot(xid, ${query.since}::pg_snapshot)
            ${found.sql}`;
        return {
          ...await (found.matches ? readAndMatch : readNewest)(tx, missed, found, query.limit),
          cursor,
        };
      }),

    async read(organizationId, ids) {
      const rows = await sql<Row[]>`
        select ${columns(sql)} ${wholeMessage(sql, true)}
        from logs where organization_id = ${organizationId} and id in ${sql(ids)}`;
      return rows.map((row) => {
        const log = toLog(row);
        return { log, whole: row.truncated ? { ...log, message: row.whole ?? log.message } : log };
      });
    },
  };
}

/** A tail whose filter PostgreSQL cannot decide looks at this many of the newest rows. */
const MOST_SCANNED = 50_000;

/** Runs statements that all see one snapshot, which is the next cursor. */
function inSnapshot(
  sql: postgres.Sql,
  read: (tx: postgres.TransactionSql, cursor: string) => Promise<Fetched>,
): Promise<Fetched> {
  return sql.begin("isolation level repeatable read read only", async (tx) => {
    const [row] = await tx<{ cursor: string }[]>`select pg_current_snapshot()::text as cursor`;
    return await read(tx, row?.cursor ?? "");
  }) as Promise<Fetched>;
}

type Missed = postgres.PendingQuery<postgres.Row[]>;

/** The newest `limit` of what was missed; the others are counted. */
async function readNewest(
  tx: postgres.TransactionSql,
  missed: Missed,
  _found: Condition,
  limit: number,
): Promise<Pick<Fetched, "logs" | "gap">> {
  const rows = await tx<Row[]>`
    select ${columns(tx)}, xid::text ${missed} order by xid desc, id desc limit ${limit + 1}`;
  if (rows.length <= limit) return { logs: rows.reverse().map(toFetched), gap: null };
  const kept = rows.slice(0, limit);
  const oldest = kept[limit - 1];
  const [gap] = await tx<{ missed: string; from: string; to: string }[]>`
    select count(*) as missed, log_timestamp(min("timestamp")) as "from", log_timestamp(max("timestamp")) as "to"
    ${missed} and (xid, id) < (${oldest?.xid ?? ""}::xid8, ${oldest?.id ?? ""}::bigint)`;
  return {
    logs: kept.reverse().map(toFetched),
    gap: gap ? { missed: Number(gap.missed), from: gap.from, to: gap.to } : null,
  };
}

/** The same where the filter has to be decided here: reads everything, keeps the newest `limit`. */
async function readAndMatch(
  tx: postgres.TransactionSql,
  missed: Missed,
  found: Condition,
  limit: number,
): Promise<Pick<Fetched, "logs" | "gap">> {
  const ring: FetchedLog[] = [];
  let count = 0;
  let gap: Gap | null = null;
  const rows = tx<Row[]>`select ${columns(tx)}, xid::text ${
    wholeMessage(tx, true)
  } ${missed} order by xid, id`;
  for await (const batch of rows.cursor(FETCH)) {
    for (const row of batch) {
      if (found.matches && !found.matches(row)) continue;
      const dropped = ring[count % limit];
      if (dropped) gap = widen(gap, dropped.log.timestamp);
      ring[count++ % limit] = toFetched(row);
    }
  }
  const oldest = count > limit ? count % limit : 0;
  return { logs: [...ring.slice(oldest), ...ring.slice(0, oldest)], gap };
}

function widen(gap: Gap | null, timestamp: string): Gap {
  if (!gap) return { missed: 1, from: timestamp, to: timestamp };
  return {
    missed: gap.missed + 1,
    from: timestamp < gap.from ? timestamp : gap.from,
    to: timestamp > gap.to ? timestamp : gap.to,
  };
}

function toFetched(row: Row): FetchedLog {
  return { log: toLog(row), xid: BigInt(row.xid ?? 0) };
}
