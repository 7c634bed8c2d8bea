/** Token buckets, one for each key: what may come in a second, and what may come at once. Pure but for the clock. */

/** How buckets are made. */
export interface BucketOptions {
  /** What flows in, a second. */
  readonly rate: number;
  /** What a bucket holds. */
  readonly burst: number;
  /** Keys that are remembered. Over it those are forgotten that were used longest ago, as if their bucket were full. */
  readonly most: number;
  /** Milliseconds since some moment; never goes back. */
  readonly now: () => number;
}

/** See the module's comment. */
export interface Buckets {
  /** Milliseconds until anything can be taken: 0 while the bucket holds one or more. */
  wait(key: string): number;
  /**
   * Takes so much at once. A bucket that holds one or more can be overdrawn, so that nothing is too large to ever pass; what was
   * overdrawn flows in first.
   *
   * @returns 0 when it was taken, else the milliseconds until it can be
   */
  take(key: string, amount: number): number;
  /** Puts back what was taken. */
  giveBack(key: string, amount: number): void;
  /** Keys that are remembered. */
  readonly size: number;
}

/** Makes buckets, all of them full. */
export function createBuckets({ rate, burst, most, now }: BucketOptions): Buckets {
  /** In the order of their last use. */
  const buckets = new Map<string, { level: number; at: number }>();

  function levelOf(key: string): number {
    const bucket = buckets.get(key);
    return bucket ? Math.min(burst, bucket.level + (now() - bucket.at) / 1000 * rate) : burst;
  }

  function wait(key: string): number {
    const lacking = 1 - levelOf(key);
    // Less than a millionth is what calculating costs.
    return lacking <= 1e-6 ? 0 : lacking / rate * 1000;
  }

  function keep(key: string, level: number): void {
    buckets.delete(key);
    if (level >= burst) return;
    buckets.set(key, { level, at: now() });
    if (buckets.size <= most) return;
    const [oldest] = buckets.keys();
    if (oldest !== undefined) buckets.delete(oldest);
  }

  return {
    wait,
    take(key, amount) {
      const milliseconds = wait(key);
      if (milliseconds === 0) keep(key, levelOf(key) - amount);
      return milliseconds;
    },
    giveBack(key, amount) {
      keep(key, levelOf(key) + amount);
    },
    get size() {
      return buckets.size;
    },
  };
}
