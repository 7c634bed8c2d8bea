/** Time, as far as the hub needs it: tests put their own in its place. */

/** Milliseconds and timers. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Calls `run` once after so many milliseconds, unless the function that is returned was called before. */
  after(milliseconds: number, run: () => void): () => void;
}

/** The process's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
