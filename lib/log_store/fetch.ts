/**
 * What the hub reads: the catch-up of a cursor, the newest logs, and rows that did not fit a notification.
 *
 * Logs and the cursor that claims them come from one statement, and so from one snapshot. No transaction is needed, nor would one
 * be safe: postgres.js (3.4) throws outside of any promise when a connection is lost within `sql.begin()`.
 */

import type postgres from "postgres";
import { within } from "../backoff.ts";
import {
  type Fetched,
  type FetchedLog,
  type FetchQuery,
  ForeignCursorError,
  type HubStore,
} from "../hub/ports.ts";
import { xmaxOf } from "../cursor.ts";
import type { Gap } from "../sse.ts";
import { batchSize, columns, type Condition, condition, type Row, toLog, wholeMessage } from "./rows.ts";

/** A tail whose filter PostgreSQL cannot decide looks at this many of the newest rows. */
const MOST_SCANNED = 50_000;

/** How long one question may take, in milliseconds: the statement timeout, and what the pool needs to notice. */
const TIMEOUT = 40_000;

/** The hub's view of the table. */
export function createHubStore(sql: postgres.Sql, { timeout = TIMEOUT } = {}): HubStore {
  const bounded = <T>(promise: Promise<T>) => within(timeout, promise, "PostgreSQL did not answer in time");
  return {
    snapshot: () => bounded(readSnapshot(sql)),
    newest: (query) => bounded(readTail(sql, query)),
    catchUp: (query) => {
      const found = condition(sql, query.filter);
      return bounded((found.matches ? readAndMatch : readNewest)(sql, query, found)).then((fetched) => {
        // Snapshots of one database only ever grow.
        if (xmaxOf(query.since) > xmaxOf(fetched.cursor)) throw new ForeignCursorError();
        return fetched;
      });
    },
    async read(organizationId, ids) {
      const rows = await bounded(sql<Row[]>`
        select ${columns(sql)} ${wholeMessage(sql, true)}
        from logs where organization_id = ${organizationId} and id in ${sql(ids)}`);
      return rows.map((row) => {
        const log = toLog(row);
        const { truncated: _, ...rest } = log;
        return { log, whole: row.truncated ? { ...rest, message: row.whole ?? log.message } : log };
      });
    },
  };
}

async function readSnapshot(sql: postgres.Sql): Promise<string> {
  const [row] = await sql<{ cursor: string }[]>`select pg_current_snapshot()::text as cursor`;
  if (!row) throw new Error("PostgreSQL gave no snapshot");
  return row.cursor;
}

/** A row beside the snapshot in which it was read. Where there is none the snapshot comes alone. */
type FoundRow = { readonly cursor: string } & (Row | { readonly id: null });

/** Selects rows beside the snapshot that their query sees. A nested loop over one row: the order of `rows` stays. */
function withCursor(sql: postgres.Sql, rows: postgres.PendingQuery<postgres.Row[]>) {
  return sql<FoundRow[]>`
    with snapshot as materialized (select pg_current_snapshot()::text as cursor)
    select snapshot.cursor, found.* from snapshot left join lateral (${rows}) as found on true`;
}

async function readTail(sql: postgres.Sql, query: FetchQuery): Promise<Fetched> {
  const found = condition(sql, query.filter);
  const rows = withCursor(
    sql,
    sql`
      select ${columns(sql)}, ${knownXid(sql)} as xid ${wholeMessage(sql, found.matches !== null)}
      from logs where organization_id = ${query.organizationId} ${found.sql}
      order by id desc limit ${found.matches ? MOST_SCANNED : query.limit}`,
  );
  const logs: FetchedLog[] = [];
  let cursor = "";
  reading:
  for await (const batch of rows.cursor(batchSize(found.matches !== null))) {
    for (const row of batch) {
      cursor = row.cursor;
      if (logs.length === query.limit) break reading;
      if (row.id !== null && (!found.matches || found.matches(row))) logs.push(toFetched(row));
    }
  }
  return { logs: logs.reverse(), cursor, gap: null };
}

type CatchUpQuery = FetchQuery & { readonly since: string };

/**
 * The transaction of a row, 2 (PostgreSQL's FrozenTransactionId) where this cluster has not begun it: such a row came with a dump,
 * and no announcement of it is to be waited for.
 */
function knownXid(sql: postgres.Sql) {
  return sql`case when xid < pg_snapshot_xmax(pg_current_snapshot()) then xid::text else '2' end`;
}

/**
 * The rows that a cursor has not seen. Those whose transactions this cluster has not begun (see {@link knownXid}) are nobody's:
 * without the upper bound they would come again with every catch-up.
 */
function missed(sql: postgres.Sql, query: CatchUpQuery, found: Condition) {
  return sql`
    from logs where organization_id = ${query.organizationId}
      and xid >= pg_snapshot_xmin(${query.since}::pg_snapshot)
      and xid < pg_snapshot_xmax(pg_current_snapshot())
      and not pg_visible_in_snapshot(xid, ${query.since}::pg_snapshot)
      ${found.sql}`;
}

/** The newest `limit` of what was missed; the others are counted. */
async function readNewest(sql: postgres.Sql, query: CatchUpQuery, found: Condition): Promise<Fetched> {
  const rows = await withCursor(
    sql,
    sql`
      select ${columns(sql)}, xid::text as xid ${missed(sql, query, found)}
      order by logs.xid desc, id desc limit ${query.limit + 1}`,
  );
  const cursor = rows[0]?.cursor ?? "";
  const logs = rows.flatMap((row) => row.id === null ? [] : toFetched(row));
  if (logs.length <= query.limit) return { logs: logs.reverse(), cursor, gap: null };
  const kept = logs.slice(0, query.limit);
  const oldest = kept[query.limit - 1];
  if (!oldest) throw new RangeError("Cannot fetch nothing");
  // A statement of its own sees more than the first one did: what committed since is left out by the cursor.
  const [gap] = await sql<{ missed: string; from: string; to: string }[]>`
    select count(*) as missed, log_timestamp(min("timestamp")) as "from", log_timestamp(max("timestamp")) as "to"
    ${missed(sql, query, found)}
      and pg_visible_in_snapshot(xid, ${cursor}::pg_snapshot)
      and (xid, id) < (${String(oldest.xid)}::xid8, ${oldest.log.id}::bigint)`;
  return {
    logs: kept.reverse(),
    cursor,
    gap: gap && gap.missed !== "0" ? { missed: Number(gap.missed), from: gap.from, to: gap.to } : null,
  };
}

/** The same where the filter has to be decided here: reads everything, keeps the newest `limit`. */
async function readAndMatch(sql: postgres.Sql, query: CatchUpQuery, found: Condition): Promise<Fetched> {
  const { limit } = query;
  const ring: FetchedLog[] = [];
  let cursor = "";
  let count = 0;
  let gap: Gap | null = null;
  const rows = withCursor(
    sql,
    sql`
      select ${columns(sql)}, xid::text as xid ${wholeMessage(sql, true)} ${missed(sql, query, found)}
      order by logs.xid, id`,
  );
  for await (const batch of rows.cursor(batchSize(true))) {
    for (const row of batch) {
      cursor = row.cursor;
      if (row.id === null || !found.matches?.(row)) continue;
      const dropped = ring[count % limit];
      if (dropped) gap = widen(gap, dropped.log.timestamp);
      ring[count++ % limit] = toFetched(row);
    }
  }
  const oldest = count > limit ? count % limit : 0;
  return { logs: [...ring.slice(oldest), ...ring.slice(0, oldest)], cursor, gap };
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
