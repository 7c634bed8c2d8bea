/** Counts what is open at a moment, for each key, and refuses what is over the bound. Pure. */

/** See the module's comment. It remembers no key of which nothing is open. */
export interface Shares {
  /** Takes a place; null when all are taken. What it returns gives the place back, once. */
  take(key: string): (() => void) | null;
  /** Keys of which something is open. */
  readonly size: number;
}

/** Makes a counter of at most `most` places a key. */
export function createShares(most: number): Shares {
  const open = new Map<string, number>();
  return {
    take(key) {
      const count = open.get(key) ?? 0;
      if (count >= most) return null;
      open.set(key, count + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = (open.get(key) ?? 1) - 1;
        if (left > 0) open.set(key, left);
        else open.delete(key);
      };
    },
    get size() {
      return open.size;
    },
  };
}
