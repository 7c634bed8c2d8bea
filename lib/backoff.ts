/** Waiting before another try: exponential backoff with jitter, so that many who failed together do not return together. */

/** Milliseconds to wait before the try after `attempt` failed ones (0 for the first): 250 to 10,000, half of it random. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const most = Math.min(10_000, 250 * 2 ** Math.min(attempt, 20));
  return most / 2 + random() * most / 2;
}

/** Resolves after `milliseconds`, or as soon as the signal aborts. Never rejects. */
export function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) return Promise.resolve();
  const timer = setTimeout(done, milliseconds);
  signal.addEventListener("abort", done, { once: true });
  function done() {
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
    resolve();
  }
  return promise;
}

/** The promise's outcome, or a rejection with `error` once `milliseconds` have passed. */
export async function within<T>(
  milliseconds: number,
  promise: Promise<T>,
  error: string | (() => Error),
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(typeof error === "string" ? new Error(error) : error()),
    milliseconds,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
