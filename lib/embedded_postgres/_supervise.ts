import type { EmbeddedPostgresCrash, EmbeddedPostgresEnd } from "../embedded_postgres.ts";
import { EmbeddedPostgresError } from "./_error.ts";
import { describeExit, type GuardedProcess, type StopMode } from "./_process.ts";
import { delay } from "./_wait.ts";

/** A server that has run this long is healthy: the count of restarts begins anew. */
const HEALTHY_MS = 60_000;

/** How a server is kept running. */
export interface SuperviseOptions {
  /** Starts it again. Rejected or aborted, it leaves no process behind. */
  readonly launch: (signal: AbortSignal) => Promise<GuardedProcess>;
  readonly maxRestarts: number;
  readonly onCrash: ((crash: EmbeddedPostgresCrash) => void) | undefined;
  readonly log: string;
}

/** Starts the server again whenever it ends by itself, a bounded number of times in a row, until it is stopped. */
export function supervise(first: GuardedProcess, options: SuperviseOptions): {
  /** Settles when it is down for good; never rejects. */
  readonly closed: Promise<EmbeddedPostgresEnd>;
  stop(mode: StopMode): Promise<void>;
} {
  const stopping = new AbortController();
  let stopMode: StopMode = "fast";
  let server: GuardedProcess | undefined = first;
  let startedAt = performance.now();

  /** Resolves with the next server, or with what became of the attempt. */
  const restart = async (delayMs: number): Promise<Error | undefined> => {
    try {
      await delay(delayMs, stopping.signal);
      server = await options.launch(stopping.signal);
      startedAt = performance.now();
      // Stopped at the very moment when it was ready
      if (stopping.signal.aborted) await server.stop(stopMode);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  const run = async (): Promise<EmbeddedPostgresEnd> => {
    let failures = 0;
    let cause: Error | undefined;
    while (true) {
      let reason = cause?.message ?? "";
      if (server) {
        reason = `PostgreSQL ${describeExit(await server.exited)}. Its log is ${options.log}`;
        server = undefined;
        if (performance.now() - startedAt > HEALTHY_MS) failures = 0;
      }
      if (stopping.signal.aborted) return { reason: "stopped" };
      if (++failures > options.maxRestarts) {
        const message =
          `PostgreSQL is down for good after ${options.maxRestarts} restarts in a row: ${reason}`;
        return {
          reason: "failed",
          error: new EmbeddedPostgresError("crashed", message, cause ? { cause } : {}),
        };
      }
      const crash = { reason, attempt: failures, delayMs: Math.min(10_000, 100 * 2 ** (failures - 1)) };
      // What it throws is its caller's, and ends no supervision
      queueMicrotask(() => options.onCrash?.(crash));
      cause = await restart(crash.delayMs);
    }
  };

  return {
    closed: run(),
    async stop(mode) {
      stopMode = mode;
      stopping.abort();
      await server?.stop(mode);
    },
  };
}
