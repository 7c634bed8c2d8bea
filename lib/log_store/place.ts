/** Where in the order of ids the logs of a time begin. */

import { behindWall, type ScopedSql } from "./wall.ts";

/** So many rows together say where they are in time: some clocks are wrong, and a log may come late. */
const TOGETHER = 9;

/** More halvings than ids have bits are not needed. */
const MOST_STEPS = 64;

/**
 * The id from which on an organization's logs are of `time` (epoch milliseconds) or later, found by halving: ids nearly rise with time,
 * and an index on times would cost every writer. Logs whose clock was wrong may stand on either side. Without later logs
 * it is the id behind the last; 1 without any.
 */
export async function placeOf(db: ScopedSql, organizationId: number, time: number): Promise<number> {
  const { sql } = db;
  const isLater = sql`"timestamp" >= to_timestamp(${time}::float8 / 1000)`;
  // Not min() and max(), which behind the wall would read all of them.
  const ends = await sql<{ id: string }[]>`
    (select id from logs where ${behindWall(db)} and organization_id = ${organizationId} order by id limit 1)
    union all
    (select id from logs where ${
    behindWall(db)
  } and organization_id = ${organizationId} order by id desc limit 1)`;
  const [first, last] = ends.map(({ id }) => Number(id));
  if (first === undefined || last === undefined) return 1;
  let [low, high] = [first, last + 1];
  for (let step = 0; low < high && step < MOST_STEPS; step++) {
    const middle = low + Math.floor((high - low) / 2);
    const next = await sql<{ id: string; is_later: boolean }[]>`
      select id, ${isLater} as is_later from logs
      where ${behindWall(db)} and organization_id = ${organizationId} and id >= ${middle} and id < ${high}
      order by id limit ${TOGETHER}`;
    const [head] = next;
    if (!head || next.filter((row) => row.is_later).length * 2 > next.length) high = middle;
    else low = Number(head.id) + 1;
  }
  // A majority was asked: the first that is later stands close by, on either side.
  const near = await sql<{ id: string; is_later: boolean }[]>`
    (select id, ${isLater} as is_later from logs
      where ${
    behindWall(db)
  } and organization_id = ${organizationId} and id < ${low} order by id desc limit ${TOGETHER})
    union all
    (select id, ${isLater} from logs
      where ${
    behindWall(db)
  } and organization_id = ${organizationId} and id >= ${low} order by id limit ${TOGETHER})
    order by id`;
  let at = near.filter(({ id }) => Number(id) < low).length;
  while (near[at - 1]?.is_later) at--;
  while (near[at]?.is_later === false) at++;
  return Number(near[at]?.id ?? last + 1);
}
