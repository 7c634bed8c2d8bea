/** How long to wait before the next attempt: exponential backoff with full jitter. Pure. */

/** The first wait is at most this, in milliseconds. */
export const BACKOFF_START = 500;

/** No wait is longer than this, in milliseconds. */
export const BACKOFF_CAP = 10_000;

/**
 * The wait before attempt `attempt` (0 is the first retry), in milliseconds: anywhere between nothing and the bound that
 * doubles with every attempt, so that a thousand viewers of a restarted server do not return in the same instant.
 *
 * @param random as `Math.random`, from 0 up to but without 1
 */
export function backoffDelay(attempt: number, random: () => number): number {
  const bound = Math.min(BACKOFF_CAP, BACKOFF_START * 2 ** Math.min(attempt, 30));
  return Math.floor(random() * bound);
}
