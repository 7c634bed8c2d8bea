/** What writers write. */

import type postgres from "postgres";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { wait } from "../../lib/backoff.ts";
import type { Dice } from "./chance.ts";
import type { ColdWindow } from "./cold_window.ts";
import { ORGANIZATIONS } from "./filters.ts";

/** A row to be written. */
export interface NewRow {
  readonly organization_id: number;
  readonly level: string;
  readonly service: string;
  readonly message: string;
}

const LEVELS = ["info", "info", "debug", "warn", "WARNING", "error", "Err"];
const SERVICES = ["api", "web", "worker"];
const TEXTS = [
  "order 17",
  "order 3",
  "noise",
  "late",
  "an order that is late",
  "needle",
  "Needle 7",
  "größe 9",
  "x",
];

/** Gives a message a number that no other has. */
export type Count = () => number;

/** A row of any kind: every filter has its part of them. */
export function randomRow(dice: Dice, count: Count, organization_id: number): NewRow {
  const text = dice.pick(TEXTS);
  // Some are longer than a preview, their text far behind it; some fit no notification at all.
  const long = dice.chance(0.05);
  const filling = long ? (dice.chance(0.5) ? "noise " : "so it goes ").repeat(dice.int(180, 400)) : "";
  const service = dice.chance(0.01) ? "s".repeat(9000) : dice.pick(SERVICES);
  return { organization_id, level: dice.pick(LEVELS), service, message: `#${count()} ${filling}${text}` };
}

/** The row that every filter lets through. */
export function markerRow(count: Count, organization_id: number): NewRow {
  return { organization_id, level: "error", service: "api", message: `#${count()} order 77 needle größe` };
}

/** Writes rows by INSERT. `sql` has one connection, on which a transaction may be open. */
export async function insert(sql: postgres.Sql, rows: readonly NewRow[]): Promise<void> {
  await sql`insert into logs ${sql(rows, "organization_id", "level", "service", "message")}`;
}

/** A row that was written. */
export interface Written {
  readonly id: number;
  readonly xid: number;
  /** Of its statement, taken before. */
  readonly snapshot: string;
}

/** Writes a {@link markerRow}, and tells which row that is. */
export async function insertMarker(
  sql: postgres.Sql,
  count: Count,
  organizationId: number,
): Promise<Written> {
  const row = markerRow(count, organizationId);
  const [written] = await sql<{ id: string; xid: string; snapshot: string }[]>`
    insert into logs ${sql(row, "organization_id", "level", "service", "message")}
    returning id, xid::text, pg_current_snapshot()::text as snapshot`;
  if (!written) throw new Error("PostgreSQL wrote nothing");
  return { id: Number(written.id), xid: Number(written.xid), snapshot: written.snapshot };
}

/** Writes rows by COPY. */
export async function copy(sql: postgres.Sql, rows: readonly NewRow[]): Promise<void> {
  const lines = rows.map(({ organization_id, level, service, message }) =>
    `${organization_id}\t${level}\t${service}\t${message}\n`
  );
  const writable = await sql`copy logs (organization_id, level, service, message) from stdin`.writable();
  await pipeline(Readable.from(lines), writable);
}

/** Many rows in one statement, made by PostgreSQL itself. */
export async function flood(
  sql: postgres.Sql,
  { organizationId, rows, first, text }: {
    organizationId: number;
    rows: number;
    first: number;
    text: string;
  },
): Promise<void> {
  await sql`
    insert into logs (organization_id, level, service, message)
    select ${organizationId}, (array['info', 'warn', 'error'])[1 + i % 3], (array['api', 'web'])[1 + i % 2],
      '#' || (${first}::bigint + i) || ' ' || ${text}::text
    from generate_series(0, ${rows - 1}::int) as i`;
}

/** What one piece of work needs. */
export interface Work {
  readonly dice: Dice;
  readonly count: Count;
  /** Organizations that nobody watches until somebody comes; null: there are none. */
  readonly cold: Pick<ColdWindow, "pick"> | null;
  readonly signal: AbortSignal;
}

/** How much of the work is for cold organizations, and how much of that stays open for long. */
const COLD_SHARE = 0.4;
const LONG_SHARE = 0.25;

/** One piece of work of a writer, as often as not within a transaction. `sql` has a single connection. */
export async function writeOnce(sql: postgres.Sql, work: Work): Promise<void> {
  const { dice, count, cold, signal } = work;
  const isCold = cold !== null && dice.chance(COLD_SHARE);
  if (isCold && dice.chance(LONG_SHARE)) return await writeLong(sql, { ...work, cold });
  const organization = isCold ? cold.pick(dice) : dice.pick(ORGANIZATIONS);
  const some = (most: number) =>
    Array.from({ length: dice.int(1, most) }, () => randomRow(dice, count, organization));
  const way = dice.int(0, 9);
  if (way < 4) return await insert(sql, some(1));
  if (way < 5) return await insert(sql, some(40));
  if (way < 6) return await copy(sql, some(40));
  // As plain statements: sql.begin() throws outside of any promise when the connection is lost (postgres.js 3.4).
  await sql.unsafe("begin");
  // Most are short: all of them together would leave nothing but long ones.
  const pause = () => wait(dice.chance(0.25) ? dice.int(0, 500) : dice.int(0, 20), signal);
  for (let i = dice.int(1, 3); i > 0; i--) {
    if (dice.chance(0.8)) await insert(sql, some(dice.pick([1, 1, 8])));
    else await copy(sql, some(8));
    await pause();
    if (dice.chance(0.7)) continue;
    await sql.unsafe("savepoint here");
    await insert(sql, some(4));
    await pause();
    await sql.unsafe(dice.chance(0.6) ? "rollback to here" : "release here");
  }
  await sql.unsafe(dice.chance(0.3) ? "rollback" : "commit");
}

/**
 * A transaction that stays open for up to two seconds, while viewers come: it writes at its beginning, and once more right before
 * its end, to one cold organization or to several at once.
 */
async function writeLong(
  sql: postgres.Sql,
  { dice, count, cold, signal }: Work & { readonly cold: Pick<ColdWindow, "pick"> },
): Promise<void> {
  const organization = cold.pick(dice);
  const others = dice.chance(0.3) ? [cold.pick(dice), dice.pick(ORGANIZATIONS)] : [];
  const some = () => [organization, ...others].map((to) => randomRow(dice, count, to));
  const write = () => dice.chance(0.2) ? copy(sql, some()) : insert(sql, some());
  const pause = () => wait(dice.int(50, 1000), signal);
  const [first, last] = [dice.chance(0.4), dice.chance(0.4)];
  await sql.unsafe("begin");
  if (first) await sql.unsafe("savepoint first");
  await write();
  await pause();
  // Now and then the beginning is taken back, announcement and all.
  if (first && dice.chance(0.4)) await sql.unsafe("rollback to first");
  await pause();
  if (last) await sql.unsafe("savepoint last");
  // Now and then nothing at the end tells of the beginning.
  if (dice.chance(0.8)) await write();
  if (last && dice.chance(0.3)) await sql.unsafe("rollback to last");
  await sql.unsafe(dice.chance(0.15) ? "rollback" : "commit");
}
