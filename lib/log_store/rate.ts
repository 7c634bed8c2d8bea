/** How many logs there were, by level and time. */

import type { Filter } from "../filter.ts";
import { type Level, LEVELS } from "../log.ts";
import { looksInside } from "../match.ts";
import type { RateRange } from "../rate_range.ts";
import { batchSize, columns, type Condition, condition, type Row, wholeMessage } from "./rows.ts";
import { behindWall, type ScopedSql } from "./wall.ts";

/** What is counted. */
export interface RateQuery extends RateRange {
  readonly organizationId: number;
  readonly filter: Filter;
}

/** Counts by level. A level without logs is not among them. Times are in epoch milliseconds. */
export interface LogRate extends Pick<RateRange, "from" | "to" | "step"> {
  /** One number a step. */
  readonly levels: Readonly<Partial<Record<Level, readonly number[]>>>;
  /** Whether there may be more than was counted: the newest rows were looked at, and they do not go back to `from`. */
  readonly partial: boolean;
  /** All from here on was counted; null where all of the range was. */
  readonly since: number | null;
  /** The greatest id that was looked at, null where the organization has no logs. */
  readonly last: number | null;
}

/** How many of the newest rows are looked at. Times have no order in the table, ids nearly have theirs. */
export interface RateBounds {
  readonly rows: number;
  /** Where messages have to be searched. */
  readonly texts: number;
  /** Where PostgreSQL cannot decide the filter, and rows are sent here; and for how long, in milliseconds. */
  readonly sent: number;
  readonly patience: number;
}

/** Half a second each at most, on a small machine. */
export const RATE_BOUNDS: RateBounds = { rows: 200_000, texts: 50_000, sent: 10_000, patience: 2000 };

/** Counts the logs of a range, as far as they are among the newest. */
export async function readRate(
  db: ScopedSql,
  query: RateQuery,
  bounds: RateBounds = RATE_BOUNDS,
): Promise<LogRate> {
  const found = condition(db.sql, query.filter);
  const most = looksInside(query.filter) ? bounds.texts : bounds.rows;
  const { counts, oldest, last } = found.matches
    ? await matchAndCount(db, { query, found, bounds })
    : await count(db, { query, found, most });
  const partial = oldest !== null && oldest > query.from;
  const { from, to, step } = query;
  const levels = Object.fromEntries(LEVELS.flatMap((level) => {
    const numbers = counts.get(level);
    return numbers ? [[level, numbers]] : [];
  }));
  return { from, to, step, levels, partial, since: partial ? oldest : null, last };
}

interface Counted {
  readonly counts: ReadonlyMap<Level, number[]>;
  /** The time of the last row that was looked at where others follow, in epoch milliseconds. */
  readonly oldest: number | null;
  readonly last: number | null;
}

async function count(
  db: ScopedSql,
  { query, found, most }: { query: RateQuery; found: Condition; most: number },
): Promise<Counted> {
  const { sql } = db;
  const { organizationId, from, to, step } = query;
  const inside = sql`"timestamp" >= to_timestamp(${from}::float8 / 1000)
    and "timestamp" < to_timestamp(${to}::float8 / 1000)`;
  // One pass: rows outside of the range are counted, too, to know whether there are others.
  const rows = await sql<
    { bucket: number | null; level: Level; n: number; looked: number; first: string; last: string }[]
  >`
    select case when ${inside} then floor((extract(epoch from "timestamp") * 1000 - ${from}) / ${step})::int end as bucket,
      log_level(level) as level, (count(*) filter (where ${inside} ${found.sql}))::int as n,
      count(*)::int as looked, min(id) as first, max(id) as last
    from (
      select * from logs
      where ${behindWall(db)} and organization_id = ${organizationId}
      order by id desc
      limit ${most}
    ) as newest
    group by 1, 2`;
  const counts = new Map<Level, number[]>();
  for (const { bucket, level, n } of rows) {
    if (bucket !== null && n > 0) add(counts, query, { level, bucket, n });
  }
  const isAll = rows.reduce((sum, { looked }) => sum + looked, 0) < most;
  const ids = rows.flatMap(({ first, last }) => [Number(first), Number(last)]);
  const [oldest] = isAll ? [] : await sql<{ at: number }[]>`
    select (extract(epoch from "timestamp") * 1000)::float8 as at from logs
    where ${behindWall(db)} and organization_id = ${organizationId} and id = ${Math.min(...ids)}`;
  return { counts, oldest: oldest?.at ?? null, last: ids.length > 0 ? Math.max(...ids) : null };
}

async function matchAndCount(
  db: ScopedSql,
  { query, found, bounds }: { query: RateQuery; found: Condition; bounds: RateBounds },
): Promise<Counted> {
  const { sql } = db;
  const rows = sql<Row[]>`
    select ${columns(sql)} ${wholeMessage(sql, true)} from logs
    where ${behindWall(db)} and organization_id = ${query.organizationId} ${found.sql}
    order by id desc
    limit ${bounds.sent}`;
  const until = performance.now() + bounds.patience;
  const counts = new Map<Level, number[]>();
  let looked = 0;
  let oldest: number | null = null;
  let last: number | null = null;
  reading:
  for await (const batch of rows.cursor(batchSize(true))) {
    for (const row of batch) {
      const at = Date.parse(row.timestamp);
      last ??= Number(row.id);
      if (at >= query.from && at < query.to && found.matches?.(row)) {
        add(counts, query, { level: row.level, bucket: Math.floor((at - query.from) / query.step), n: 1 });
      }
      if (++looked === bounds.sent || performance.now() > until) {
        oldest = at;
        break reading;
      }
    }
  }
  return { counts, oldest, last };
}

function add(
  counts: Map<Level, number[]>,
  { buckets }: RateQuery,
  { level, bucket, n }: { level: Level; bucket: number; n: number },
): void {
  const numbers = counts.get(level) ?? Array.from({ length: buckets }, () => 0);
  counts.set(level, numbers);
  numbers[bucket] = (numbers[bucket] ?? 0) + n;
}
