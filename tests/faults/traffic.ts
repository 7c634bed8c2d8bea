/** What writers write. */

import type postgres from "postgres";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { wait } from "../../lib/backoff.ts";
import type { Dice } from "./chance.ts";
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

/** One piece of work of a writer, as often as not within a transaction. `sql` has a single connection. */
export async function writeOnce(
  sql: postgres.Sql,
  { dice, count, signal }: { dice: Dice; count: Count; signal: AbortSignal },
): Promise<void> {
  const organization = dice.pick(ORGANIZATIONS);
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
