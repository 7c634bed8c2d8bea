/** The advisory lock under which a database is changed, and how its statements wait, time out and are cancelled. */

import type postgres from "postgres";
import { MigrationError } from "./_files.ts";

/** `tailpost` in ASCII: the key of the advisory lock, which PostgreSQL scopes to one database. */
const LOCK_KEY = "8386099895604310900";

/** How to wait for the lock. */
export interface LockOptions {
  readonly waitSeconds: number;
  readonly onWaiting: () => void;
  readonly signal: AbortSignal | undefined;
}

/** Takes the lock for the rest of the transaction. */
export async function lock(
  sql: postgres.TransactionSql,
  { waitSeconds, onWaiting, signal }: LockOptions,
): Promise<void> {
  const key = sql`${LOCK_KEY}::bigint`;
  const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_xact_lock(${key}) as locked`;
  if (row?.locked) return;
  onWaiting();
  await setTimeouts(sql, waitSeconds);
  try {
    await cancellable(sql`select pg_advisory_xact_lock(${key})`, signal);
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
    throw new MigrationError(
      "waiting",
      `Cannot migrate: another program has been migrating this database for ${waitSeconds} seconds. ` +
        `Wait for it, or find it in pg_stat_activity, and migrate again`,
      { cause: error },
    );
  }
}

/** A role's statement_timeout is for its queries: building an index on a large table may take longer. */
export async function setTimeouts(sql: postgres.TransactionSql, lockSeconds: number): Promise<void> {
  await sql`
    select set_config('lock_timeout', ${`${Math.max(1, Math.round(lockSeconds * 1000))}ms`}, true),
      set_config('statement_timeout', '0', true)`;
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const LOCK_NOT_AVAILABLE = "55P03";

/** The SQLSTATE of an error of PostgreSQL. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Sends PostgreSQL a cancel request when the signal aborts while the query runs. */
export async function cancellable<T>(
  query: PromiseLike<T> & { cancel(): void },
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const cancel = () => query.cancel();
  signal?.addEventListener("abort", cancel);
  try {
    return await query;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}
