/**
 * Finds out whether writers wait for each other because they are heard. PostgreSQL makes the commits of transactions that notify one
 * after another, each with its own wait for the disk, in the whole cluster (PostgreSQL manual, NOTIFY): what one writer does not
 * feel may leave sixteen of them a quarter of their commits.
 */

import type postgres from "postgres";

/** Announcements a second from which on it may be so. */
const RATE = 50;

/** Between two looks, in milliseconds. */
const LOOK_EVERY = 200;

/** Transactions that wait to commit, from which on it is so. */
const WAITING = 2;

/** See {@link createCrowding}. */
export interface Crowding {
  /** An announcement of an organization was heard. */
  heard(organizationId: number): void;
}

/** What {@link createCrowding} needs. */
export interface CrowdingOptions {
  readonly connection: postgres.Sql;
  /** Writers wait for each other; these are whom they write for, most of them. */
  readonly onCrowded: (organizationIds: readonly number[]) => void;
  readonly onFailure: (error: unknown) => void;
}

/** Makes one. While little is heard it asks nothing. */
export function createCrowding({ connection, onCrowded, onFailure }: CrowdingOptions): Crowding {
  let counts = new Map<number, number>();
  let since = performance.now();
  let isLooking = false;

  async function look(organizationIds: readonly number[]): Promise<void> {
    // What a commit takes that notifies: a lock on no object, by the class of databases.
    const [row] = await connection<{ waiting: number }[]>`
      select count(*)::int as waiting from pg_locks
      where locktype = 'object' and classid = 'pg_database'::regclass and objid = 0 and not granted`;
    if ((row?.waiting ?? 0) >= WAITING) onCrowded(organizationIds);
  }

  return {
    heard(organizationId) {
      counts.set(organizationId, (counts.get(organizationId) ?? 0) + 1);
      const seconds = (performance.now() - since) / 1000;
      if (seconds < LOOK_EVERY / 1000) return;
      const total = counts.values().reduce((sum, count) => sum + count, 0);
      const busy = [...counts].filter(([, count]) => count >= total / 20).map(([id]) => id);
      counts = new Map();
      since = performance.now();
      if (total / seconds < RATE || isLooking) return;
      isLooking = true;
      look(busy).catch(onFailure).finally(() => isLooking = false);
    },
  };
}
