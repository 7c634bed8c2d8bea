/** Transactions that are prepared now and committed later, by whoever (PostgreSQL manual, PREPARE TRANSACTION). */

import type postgres from "postgres";
import { wait } from "../../lib/backoff.ts";
import { insertMarker } from "./traffic.ts";
import { withClient } from "./writers.ts";
import type { World } from "./world.ts";

/** How many there may be at a time. */
export const MOST_PREPARED = 10;

/**
 * Prepares a transaction that has inserted a log. Returns its name, `false` where that could not be done, `null` where it never
 * can: PostgreSQL takes none, or the trigger has announced the log.
 */
export async function prepare(world: World, organizationId: number): Promise<string | false | null> {
  const name = `faults-${crypto.randomUUID()}`;
  try {
    return await withClient(world.url, 5000, async (sql) => {
      const [row] = await sql<{ most: number }[]>`
        select current_setting('max_prepared_transactions')::int as most`;
      if (!row?.most) return null;
      await sql.unsafe("begin");
      await insertMarker(sql, () => world.numbers(1), organizationId);
      await sql.unsafe(`prepare transaction '${name}'`);
      return name;
    });
  } catch (error) {
    if (codeOf(error) === "0A000") return null;
    // It may be there all the same, and would keep its locks.
    await commitPrepared(world, name);
    return false;
  }
}

/** Commits one, however long PostgreSQL is away, unless there is none. */
export async function commitPrepared({ url, signal }: World, name: string): Promise<void> {
  while (!signal.aborted) {
    try {
      return void await withClient(url, 5000, (sql) => sql.unsafe(`commit prepared '${name}'`));
    } catch (error) {
      if (codeOf(error) === "42704") return;
      await wait(300, signal);
    }
  }
}

/** Rolls back all that are left: nobody can commit them any more. */
export async function rollBackPrepared(sql: postgres.Sql): Promise<void> {
  for (;;) {
    const left = await sql<{ gid: string }[]>`
      select gid from pg_prepared_xacts where database = current_database()`;
    if (left.length === 0) return;
    for (const { gid } of left) {
      // Somebody may be committing it.
      await sql.unsafe(`rollback prepared '${gid}'`).catch(() => {});
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
