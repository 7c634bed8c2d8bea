/**
 * What the hub reads: the catch-up of a cursor, the newest logs, and rows that did not fit a notification.
 *
 * Logs and the cursor that claims them come from one statement, and so from one snapshot. No transaction is needed, nor would one
 * be safe: postgres.js (3.4) throws outside of any promise when a connection is lost within `sql.begin()`.
 */

import type postgres from "postgres";
import { within } from "../backoff.ts";
import { cursorUpTo, formatCursor, lowest, parseCursor, parseSnapshot, shorten, xmaxOf } from "../cursor.ts";
import {
  type CatchUpQuery,
  type Fetched,
  type FetchedLog,
  type FetchQuery,
  ForeignCursorError,
  type HubStore,
} from "../hub/ports.ts";
import type { Gap } from "../sse.ts";
import {
  batchSize,
  columns,
  type Condition,
  condition,
  fieldColumns,
  type Row,
  toLog,
  wholeMessage,
} from "./rows.ts";
import { behindWall, scoped } from "./wall.ts";

/** A tail whose filter PostgreSQL cannot decide looks at this many of the newest rows. */
const MOST_SCANNED = 50_000;

/** How much longer than the statement timeout one question may take, in milliseconds: what the pool needs to notice. */
const MARGIN = 10_000;

/** What the hub's view of the table depends on. Times are in milliseconds. */
export interface HubStoreOptions {
  /** The statement timeout of the pool. Default 30,000. */
  readonly statementTimeout?: number;
  /** How long one question may take. Default: the statement timeout, and what the pool needs to notice. */
  readonly timeout?: number;
  /** After so long what was found is handed on. Default 3000, and far from the statement timeout, which ends it all. */
  readonly patience?: number;
}

/** The hub's view of the table. */
export function createHubStore(
  sql: postgres.Sql,
  options: HubStoreOptions = {},
): HubStore {
  const { statementTimeout = 30_000 } = options;
  const { timeout = statementTimeout + MARGIN, patience = Math.min(3000, statementTimeout / 3) } = options;
  const bounded = <T>(promise: Promise<T>) => within(timeout, promise, "PostgreSQL did not answer in time");
  const fetched = async (fetching: Promise<Fetched>) => {
    const { cursor, ...rest } = await bounded(fetching);
    return { ...rest, cursor: formatCursor(shorten(parseSnapshot(cursor))) };
  };
  return {
    snapshot: async () => formatCursor(shorten(parseSnapshot(await bounded(readSnapshot(sql))))),
    newest: (query) => fetched(readTail(sql, query)),
    catchUp: (query) => {
      const found = condition(sql, query.filter);
      return fetched(
        found.matches ? readAndMatch(sql, query, { found, patience }) : readNewest(sql, query, found),
      );
    },
    async read(organizationId, ids, withMetadata = false) {
      const rows = await bounded(sql<(Row & { json?: string })[]>`
        select ${columns(sql)} ${wholeMessage(sql, true)}
          ${withMetadata ? sql`, coalesce(metadata::text, 'null') as json` : sql``}
        from logs where ${behindWall(scoped(sql, organizationId))}
          and organization_id = ${organizationId} and id in ${sql(ids)}`);
      return rows.map((row) => {
        const log = toLog(row);
        const { truncated: _, ...rest } = log;
        const whole = row.truncated ? { ...rest, message: row.whole ?? log.message } : log;
        return row.json === undefined ? { log, whole } : { log, whole, metadata: row.json };
      });
    },
  };
}

/** How many transactions in a row may have been rolled back for a cursor to be safe from a crash. */
const MOST_UNDONE = 10_000;

/**
 * The current snapshot as a cursor. Its xmax is lowered to what follows the newest transaction that has committed, which
 * leaves out nothing but transactions without rows: those above were rolled back, or still run.
 *
 * For PostgreSQL does not wait until a rollback is written to disk. After a crash it would hand out the same ids once more,
 * and a cursor that claims them would hide what is then written with them. All up to a commit is on disk before anybody
 * can see it. (So it is, too, for the snapshots that notifications carry: their transaction has committed.)
 */
function currentCursor(sql: postgres.Sql) {
  return sql`
    select least(xmin, upper) || ':' || upper || ':'
      || array_to_string(array(select xid from pg_snapshot_xip(s) as xid where xid::text::bigint < upper), ',') as cursor,
      xmax::text as "snapshotXmax", extract(epoch from pg_postmaster_start_time())::text as started
    from (select pg_current_snapshot() as s) as now
    cross join lateral (
      select pg_snapshot_xmin(s)::text::bigint as xmin, pg_snapshot_xmax(s)::text::bigint as xmax
    ) as bounds
    cross join lateral (select greatest(xmax - ${MOST_UNDONE}, 3) as lowest) as bound
    cross join lateral (
      select coalesce((
        select xid + 1 from (select generate_series(xmax - 1, lowest, -1) as xid) as ended
        where pg_xact_status(xid::text::xid8) = 'committed' limit 1
      ), lowest) as upper
    ) as safe`;
}

async function readSnapshot(sql: postgres.Sql): Promise<string> {
  const [row] = await sql<{ cursor: string }[]>`${currentCursor(sql)}`;
  if (!row) throw new Error("PostgreSQL gave no snapshot");
  return row.cursor;
}

/** A row beside the snapshot in which it was read. Where there is none the snapshot comes alone. */
type FoundRow =
  & { readonly cursor: string; readonly snapshotXmax: string; readonly started: string }
  & (Row | { readonly id: null });

/** When the answer was true: its cursor, and the start of the database. */
type Moment = Pick<FoundRow, "cursor" | "started">;

/**
 * The moment that a row comes with. Snapshots of one database only ever grow: one that `since` is ahead of is of another one.
 * Not so cursors: `since` may claim transactions that were rolled back since the last commit, see {@link currentCursor}.
 *
 * @throws {ForeignCursorError}
 */
function momentOf(row: FoundRow | undefined, since: string | null = null): Moment {
  if (!row) throw new Error("PostgreSQL gave no snapshot");
  if (since !== null && xmaxOf(since) > BigInt(row.snapshotXmax)) throw new ForeignCursorError();
  return { cursor: row.cursor, started: row.started };
}

/** Selects rows beside the snapshot that their query sees. A nested loop over one row: the order of `rows` stays. */
function withCursor(sql: postgres.Sql, rows: postgres.PendingQuery<postgres.Row[]>) {
  return sql<FoundRow[]>`
    with snapshot as materialized (${currentCursor(sql)})
    select snapshot.*, found.* from snapshot left join lateral (${rows}) as found on true`;
}

async function readTail(sql: postgres.Sql, query: FetchQuery): Promise<Fetched> {
  const found = condition(sql, query.filter);
  const rows = withCursor(
    sql,
    sql`
      select ${columns(sql)}, ${knownXid(sql)} as xid ${fieldColumns(sql, query.columns)}
        ${wholeMessage(sql, found.matches !== null)}
      from logs where ${behindWall(scoped(sql, query.organizationId))}
        and organization_id = ${query.organizationId} ${found.sql}
      order by id desc limit ${found.matches ? MOST_SCANNED : query.limit}`,
  );
  const logs: FetchedLog[] = [];
  let moment: Moment | null = null;
  reading:
  for await (const batch of rows.cursor(batchSize(found.matches !== null))) {
    for (const row of batch) {
      moment ??= momentOf(row);
      if (logs.length === query.limit) break reading;
      if (row.id !== null && (!found.matches || found.matches(row))) logs.push(toFetched(row));
    }
  }
  return { head: [], logs: logs.reverse(), ...moment ?? momentOf(undefined), gap: null };
}

/**
 * The transaction of a row, 2 (PostgreSQL's FrozenTransactionId) where this cluster has not begun it: such a row came with a dump,
 * and no announcement of it is to be waited for.
 */
function knownXid(sql: postgres.Sql) {
  return sql`case when xid < pg_snapshot_xmax(pg_current_snapshot()) then xid::text else '2' end`;
}

/**
 * The rows that a cursor has not seen, and that the asker has not had all the same. Those whose transactions this cluster has
 * not begun (see {@link knownXid}) are nobody's: without the upper bound they would come again with every catch-up.
 */
function missed(sql: postgres.Sql, query: CatchUpQuery, found: Condition) {
  // NOT IN, for it is always a hashed subplan. A join would be planned by how many rows are expected, which right after a
  // large transaction is far too few: a nested loop over thousands of ids for each row.
  const had = query.had.length === 0
    ? sql``
    : sql`and id not in (select unnest(${`{${query.had.join()}}`}::text::bigint[]))`;
  return sql`
    from logs where ${behindWall(scoped(sql, query.organizationId))}
      and organization_id = ${query.organizationId}
      and xid >= ${String(lowest(parseCursor(query.since)))}::xid8
      and xid < pg_snapshot_xmax(pg_current_snapshot())
      and not pg_visible_in_snapshot(xid, ${query.since}::pg_snapshot)
      ${had}
      ${found.sql}`;
}

/** The newest `limit` of what was missed and the head of the others; the rest is counted. */
async function readNewest(sql: postgres.Sql, query: CatchUpQuery, found: Condition): Promise<Fetched> {
  const rows = await withCursor(
    sql,
    sql`
      select ${columns(sql)}, xid::text as xid ${fieldColumns(sql, query.columns)} ${
      missed(sql, query, found)
    }
      order by logs.xid desc, id desc limit ${query.limit + 1}`,
  );
  const moment = momentOf(rows[0], query.since);
  const logs = rows.flatMap((row) => row.id === null ? [] : toFetched(row));
  if (logs.length <= query.limit) return { head: [], logs: logs.reverse(), ...moment, gap: null };
  const kept = logs.slice(0, query.limit).reverse();
  const [oldest] = kept;
  if (!oldest) throw new RangeError("Cannot fetch nothing");
  // Statements of their own see more than the first one did: what committed since is left out by the cursor.
  const others = sql`${missed(sql, query, found)}
      and pg_visible_in_snapshot(xid, ${moment.cursor}::pg_snapshot)
      and (xid, id) < (${String(oldest.xid)}::xid8, ${oldest.log.id}::bigint)`;
  const head = (await sql<Row[]>`
    select ${columns(sql)}, xid::text as xid ${
    fieldColumns(sql, query.columns)
  } ${others} order by logs.xid, id limit ${query.head}`).map(
    toFetched,
  );
  const last = head.at(-1);
  const [gap] = await sql<{ missed: string; from: string; to: string }[]>`
    select count(*) as missed, log_timestamp(min("timestamp")) as "from", log_timestamp(max("timestamp")) as "to"
    ${others} ${last ? sql`and (xid, id) > (${String(last.xid)}::xid8, ${last.log.id}::bigint)` : sql``}`;
  if (!gap || gap.missed === "0") return { head: [], logs: [...head, ...kept], ...moment, gap: null };
  return { head, logs: kept, ...moment, gap: { missed: Number(gap.missed), from: gap.from, to: gap.to } };
}

/** The same where the filter has to be decided here: reads everything, or so many transactions as there is patience for. */
async function readAndMatch(
  sql: postgres.Sql,
  query: CatchUpQuery,
  { found, patience }: { found: Condition; patience: number },
): Promise<Fetched> {
  const { limit } = query;
  const had = new Set(query.had);
  const head: FetchedLog[] = [];
  const ring: FetchedLog[] = [];
  let moment: Moment | null = null;
  let count = 0;
  let gap: Gap | null = null;
  let last: string | undefined;
  let partial = false;
  const until = performance.now() + patience;
  const rows = withCursor(
    sql,
    sql`
      select ${columns(sql)}, xid::text as xid ${fieldColumns(sql, query.columns)} ${wholeMessage(sql, true)}
        ${missed(sql, query, found)}
      order by logs.xid, id`,
  );
  reading:
  for await (const batch of rows.cursor(batchSize(true))) {
    const late = performance.now() >= until;
    for (const row of batch) {
      moment ??= momentOf(row, query.since);
      // There is no cursor in the midst of a transaction.
      partial = late && row.id !== null && last !== undefined && row.xid !== last;
      if (partial) break reading;
      if (row.id !== null) last = row.xid;
      if (row.id === null || had.has(Number(row.id)) || !found.matches?.(row)) continue;
      const dropped = ring[count % limit];
      if (dropped && head.length < query.head) head.push(dropped);
      else if (dropped) gap = widen(gap, dropped.log.timestamp);
      ring[count++ % limit] = toFetched(row);
    }
  }
  const oldest = count > limit ? count % limit : 0;
  const logs = [...ring.slice(oldest), ...ring.slice(0, oldest)];
  const all = moment ?? momentOf(undefined);
  const place = partial ? { ...all, cursor: cursorBehind(last, query.since, all.cursor), partial } : all;
  return gap ? { head, logs, gap, ...place } : { head: [], logs: [...head, ...logs], gap, ...place };
}

/** The cursor of who was sent all up to the transaction `last` and nothing of later ones. */
function cursorBehind(last: string | undefined, since: string, until: string): string {
  return formatCursor(
    cursorUpTo(BigInt(last ?? 0), { since: parseCursor(since), until: parseSnapshot(until) }),
  );
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
