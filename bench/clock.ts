/** One clock for all processes of a machine. */

/** Microseconds since 1970, from the monotonic clock of this process on the wall clock of its start. */
export function micros(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}

/** Waits until {@link micros} has reached `time`. A timer comes up to a millisecond late, never early. */
export function until(time: number): Promise<void> {
  const milliseconds = (time - micros()) / 1000;
  return milliseconds > 0 ? new Promise((resolve) => setTimeout(resolve, milliseconds)) : Promise.resolve();
}
