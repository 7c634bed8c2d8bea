/** Chance with a seed: the same seed tells the same story. Pure. */

/** Gives a number from 0 up to, and never, 1, like `Math.random`. */
export type Random = () => number;

/** A generator that repeats itself for the same seed (mulberry32: 32 bits of state, fit for stories, not for secrets). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the stories draw from. */
export interface Dice {
  /** True with this probability. */
  chance(probability: number): boolean;
  /** A whole number, both ends included. */
  int(min: number, max: number): number;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** One of the values, each as likely as its weight. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T;
  /** The time to the next of many independent happenings, `mean` apart. */
  exponential(mean: number): number;
  /** A latency: mostly near the median, with a long tail. `sigma` 0.3 is steady, 1 is wild. */
  logNormal(median: number, sigma: number): number;
  /** Digits of base 16. */
  hex(length: number): string;
}

/** Dice on a source of chance. */
export function createDice(random: Random): Dice {
  const int = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  return {
    int,
    chance: (probability) => random() < probability,
    pick: <T>(list: readonly T[]) => list[int(0, list.length - 1)] as T,
    weighted: <T>(choices: readonly (readonly [number, T])[]) => {
      let left = random() * choices.reduce((sum, [weight]) => sum + weight, 0);
      const chosen = choices.find(([weight]) => (left -= weight) < 0) ?? choices.at(-1);
      return (chosen as readonly [number, T])[1];
    },
    // 1 - random() is never 0, whose logarithm would be infinite.
    exponential: (mean) => -Math.log(1 - random()) * mean,
    logNormal: (median, sigma) => {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return median * Math.exp(sigma * normal);
    },
    hex: (length) => Array.from({ length }, () => int(0, 15).toString(16)).join(""),
  };
}
