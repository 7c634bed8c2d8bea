/** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Asks `probe` again and again until it returns something other than undefined. PostgreSQL tells its state in a file,
 * and processes that are not our children end without telling us: for those there is no event to wait for.
 */
export async function until<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  signal?: AbortSignal,
  everyMs = 10,
): Promise<T> {
  while (true) {
    signal?.throwIfAborted();
    const found = await probe();
    if (found !== undefined) return found;
    await delay(everyMs, signal);
  }
}

/** True when `promise` settles within `ms` milliseconds. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), ms));
  try {
    return await Promise.race([promise.then(() => true, () => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A signal that is aborted with `parent`, or by itself with `reason()` after `ms`. Dispose of it, and neither its timer
 * nor its listener stays behind.
 */
export function deadline(
  ms: number,
  reason: () => Error,
  parent?: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(reason()), ms);
  const onAbort = () => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  parent?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", onAbort);
    },
  };
}
