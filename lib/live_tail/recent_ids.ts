/** The ids seen of late. After a reconnect the server may send a few logs again; none of them is shown twice. Pure. */

/**
 * Twice of what the server sends again after a reconnect at most: were a part of that forgotten here, old logs would
 * come back as the newest.
 */
export const RECENT_IDS = 20_000;

/** A set of ids that forgets the oldest. */
export interface RecentIds {
  /** Notes an id. `false` where it was there already. */
  add(id: number): boolean;
  /** Forgets all. */
  clear(): void;
  /** How many are known. */
  readonly size: number;
}

/** Makes a set of at most `bound` ids. */
export function createRecentIds(bound = RECENT_IDS): RecentIds {
  const ids = new Set<number>();
  // A Set iterates in the order of insertion, and an iterator goes on for ever. A new one would pass by all that was deleted.
  const oldest = ids.values();
  return {
    add(id) {
      if (ids.has(id)) return false;
      ids.add(id);
      if (ids.size > bound) ids.delete(oldest.next().value ?? id);
      return true;
    },
    clear: () => ids.clear(),
    get size() {
      return ids.size;
    },
  };
}
