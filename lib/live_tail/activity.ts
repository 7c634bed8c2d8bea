/** How many logs each of the last seconds brought, for the small chart in the header. Pure. */

import type { Level } from "../log.ts";

/** How many seconds the chart shows. */
export const ACTIVITY_SECONDS = 60;

/** The logs of one second, by how serious they are. */
export interface Second {
  readonly calm: number;
  readonly warnings: number;
  readonly errors: number;
}

/** Counts per second over the last {@link ACTIVITY_SECONDS}. */
export interface Activity {
  /** Counts a log of the time `at`, in epoch milliseconds. Times outside of the window are left out. */
  add(at: number, level: Level, now: number): void;
  /** The seconds up to the last whole one before `now`, oldest first. */
  read(now: number): readonly Second[];
  /** Forgets all. */
  clear(): void;
}

const QUIET: Second = { calm: 0, warnings: 0, errors: 0 };

/** Makes an empty count. */
export function createActivity(seconds = ACTIVITY_SECONDS): Activity {
  // One place more than is shown: the running second is counted but not read until it is whole.
  const size = seconds + 1;
  const places: { second: number; counts: Second }[] = [];
  const place = (second: number) => ((second % size) + size) % size;
  return {
    add(at, level, now) {
      const current = Math.floor(now / 1000);
      // A clock slightly ahead of ours is no reason to lose the log.
      const second = Math.min(Math.floor(at / 1000), current);
      if (!(second > current - size)) return;
      const held = places[place(second)];
      const counts = held?.second === second ? held.counts : QUIET;
      places[place(second)] = { second, counts: count(counts, level) };
    },
    read(now) {
      const current = Math.floor(now / 1000);
      return Array.from({ length: seconds }, (_, i) => {
        const second = current - seconds + i;
        const held = places[place(second)];
        return held?.second === second ? held.counts : QUIET;
      });
    },
    clear: () => {
      places.length = 0;
    },
  };
}

function count(counts: Second, level: Level): Second {
  if (level === "error" || level === "fatal") return { ...counts, errors: counts.errors + 1 };
  if (level === "warn") return { ...counts, warnings: counts.warnings + 1 };
  return { ...counts, calm: counts.calm + 1 };
}
