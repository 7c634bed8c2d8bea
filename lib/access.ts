/**
 * Who may watch an organization, asked of the database. Streams are fed from memory, where row-level security does not reach:
 * without this a route that forgot to check would hand out a stream of whatever organization it was asked for.
 */

import type postgres from "postgres";
import type { Caller } from "./auth/caller.ts";
import { within } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isAway } from "./database.ts";
import { behindWall, scoped, type ScopedSql } from "./log_store/wall.ts";

/** How long an answer counts, in milliseconds; and how long while the database is away. */
const FRESH = 60_000;
const STALE = 10 * 60_000;

/** How long the database may take to answer, in milliseconds. */
const TIMEOUT = 5000;

/** Answers that are remembered; over it the oldest are forgotten. */
const MOST = 1000;

/** See the module's comment. */
export interface Access {
  /**
   * Whether a caller may watch an organization. Those who may see all are not asked for.
   *
   * Rejects while the database is away and nothing is known.
   */
  mayWatch(caller: Caller, organizationId: number): Promise<boolean>;
}

/**
 * The database as a caller may see it: behind the wall of the caller's own organization, whatever was asked for. Who may see all
 * organizations is kept to the one that was asked for.
 */
export function databaseOf(sql: postgres.ISql, caller: Caller, organizationId: number): ScopedSql {
  return scoped(sql, caller.organizationId ?? organizationId);
}

/** Makes it. */
export function createAccess(sql: postgres.ISql, clock: Pick<Clock, "now"> = systemClock): Access {
  const answers = new Map<string, { readonly answer: Promise<boolean>; readonly at: number }>();

  async function ask(db: ScopedSql, organizationId: number): Promise<boolean> {
    const late = () => Object.assign(new Error("PostgreSQL did not answer in time"), { code: "ETIMEDOUT" });
    const rows = await within(
      TIMEOUT,
      db.sql`select from organizations where ${behindWall(db)} and id = ${organizationId}`,
      late,
    );
    return rows.length > 0;
  }

  return {
    async mayWatch(caller, organizationId) {
      if (caller.organizationId === null) return true;
      const key = `${caller.organizationId} ${organizationId}`;
      const known = answers.get(key);
      const now = clock.now();
      if (known && now - known.at < FRESH) return await known.answer;
      // All who ask meanwhile wait for the same answer.
      const asked = { at: now, answer: ask(databaseOf(sql, caller, organizationId), organizationId) };
      asked.answer = asked.answer.catch((error: unknown) => {
        if (answers.get(key) === asked) {
          answers.delete(key);
          if (known) answers.set(key, known);
        }
        if (known && isAway(error) && now - known.at < STALE) return known.answer;
        throw error;
      });
      answers.delete(key);
      answers.set(key, asked);
      for (const oldest of answers.keys()) {
        if (answers.size <= MOST) break;
        answers.delete(oldest);
      }
      return await asked.answer;
    },
  };
}
