/** Percentiles of many times in little memory. Pure. */

/** Buckets are at most 1/64 of their value wide, so percentiles are at most 1.6 % too high, and never too low. */
const STEP_BITS = 6;
const STEPS = 2 ** STEP_BITS;
/** 2 ** 40 microseconds are 12 days. */
const BUCKETS = STEPS * 36;

/** A histogram as JSON carries it: pairs of bucket and count. */
export interface HistogramJson {
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
  readonly max: number;
}

/** Counts whole numbers from 0, such as microseconds, in buckets that widen with the value. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #max = 0;

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /** The greatest value, exactly; 0 without values. */
  get max(): number {
    return this.#max;
  }

  /** Counts a value. Negative ones count as 0. */
  add(value: number): void {
    const whole = Math.max(0, Math.round(value));
    const bucket = bucketOf(whole);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    if (whole > this.#max) this.#max = whole;
  }

  /** The least bound that this share of the values does not exceed, by nearest rank; NaN without values. */
  percentile(share: number): number {
    if (this.#count === 0) return NaN;
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return Math.min(upperBound(bucket), this.#max);
    }
    return this.#max;
  }

  /** Counts what another histogram has counted. */
  merge({ buckets, max }: HistogramJson): void {
    for (const [bucket, count] of buckets) {
      if (bucket < 0 || bucket >= BUCKETS) throw new RangeError(`Cannot merge: there is no bucket ${bucket}`);
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    this.#max = Math.max(this.#max, max);
  }

  toJSON(): HistogramJson {
    const buckets: [number, number][] = [];
    this.#counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([bucket, count]);
    });
    return { buckets, max: this.#max };
  }
}

/** Values below 2 * STEPS have a bucket each; every doubling above has STEPS buckets. */
function bucketOf(value: number): number {
  if (value < 2 * STEPS) return value;
  // The usual ones without floating point: this runs a million times a second.
  const doublings = value < 2 ** 31
    ? 31 - Math.clz32(value) - STEP_BITS
    : Math.floor(Math.log2(value / STEPS));
  const step = value < 2 ** 31 ? value >>> doublings : Math.floor(value / 2 ** doublings);
  return Math.min(BUCKETS - 1, doublings * STEPS + step);
}

/** The greatest value of a bucket. */
function upperBound(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket;
  const doublings = Math.floor(bucket / STEPS) - 1;
  return (bucket - doublings * STEPS + 1) * 2 ** doublings - 1;
}
