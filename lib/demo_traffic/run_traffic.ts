/** Writes made-up traffic for as long as it is let, through a database that may come and go. */

import { wait } from "../backoff.ts";
import { createTraffic, type DemoLog, type Random, seededRandom } from "../demo_traffic.ts";

/** What {@link runTraffic} needs. */
export interface RunTrafficOptions {
  /** Writes logs, all or none, at most 500 at once. May fail: the same logs come again later. */
  readonly insert: (logs: readonly DemoLog[]) => Promise<void>;
  /** Ends the traffic. */
  readonly signal: AbortSignal;
  /** The same seed gives the same stories; their times are those of the clock. Without one each run differs. */
  readonly seed?: number;
  /** Multiplies the usual rate. */
  readonly rate?: number;
  /** How many logs of the recent past to write first. */
  readonly history?: number;
  /** Told of the first of several failures in a row. */
  readonly onError?: (error: unknown) => void;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Waits for so many milliseconds, or less when the signal is aborted. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const BATCH = 500;
/** Logs kept while inserts fail; over it the oldest go. */
const MOST_PENDING = 2000;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;

/**
 * Writes traffic until the signal is aborted, then resolves; it never rejects. An insert that fails is tried again
 * with its logs, after 250 ms at first and 5 s at most.
 */
export async function runTraffic(options: RunTrafficOptions): Promise<void> {
  const { insert, signal, now = Date.now, sleep = wait, history = 300, rate = 1, onError } = options;
  const random: Random = options.seed === undefined ? Math.random : seededRandom(options.seed);
  const traffic = createTraffic({ random, now, rate, history });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  let pending: DemoLog[] = [];
  let failures = 0;

  while (!signal.aborted) {
    const step = traffic.step();
    pending = pending.concat(step.logs);
    let pause = step.wait;
    try {
      while (pending.length > 0 && !signal.aborted) {
        const batch = pending.slice(0, BATCH);
        // An insert into a database that hangs must not hold up the stop.
        await Promise.race([insert(batch), aborted]);
        pending = pending.slice(batch.length);
      }
      failures = 0;
    } catch (error) {
      if (failures === 0 && !signal.aborted) onError?.(error);
      pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures++, 10));
      pending = pending.slice(-MOST_PENDING);
    }
    if (!signal.aborted) await sleep(pause, signal);
  }
}
