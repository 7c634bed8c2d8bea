import { accountFor, letReach } from "./embedded_postgres/_account.ts";
import { installedBinaries, unpackedBinaries } from "./embedded_postgres/_binaries.ts";
import { clusterMajor, clusterPaths, createCluster } from "./embedded_postgres/_cluster.ts";
import { EmbeddedPostgresError } from "./embedded_postgres/_error.ts";
import { endLeftovers } from "./embedded_postgres/_leftovers.ts";
import { lockDataDir } from "./embedded_postgres/_lock.ts";
import type { GuardedProcess } from "./embedded_postgres/_process.ts";
import { choosePort, PortTakenError, startServer } from "./embedded_postgres/_server.ts";
import { supervise } from "./embedded_postgres/_supervise.ts";
import { deadline } from "./embedded_postgres/_wait.ts";

export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from "./embedded_postgres/_error.ts";

/** How to start. */
export interface EmbeddedPostgresOptions {
  /** Holds the cluster, its password and log, and PostgreSQL's own files. Made when it is missing. */
  readonly dataDir: string;
  /** Told, in words for people, what takes time. */
  readonly onProgress?: (message: string) => void;
  /** Gives up starting. A server that has started is not touched by it: see `stop()`. */
  readonly signal?: AbortSignal;
  /** A folder with the programs `postgres` and `initdb` to use instead of those of the npm package. */
  readonly binDir?: string;
  /** PostgreSQL settings, over those of postgresql.conf. */
  readonly settings?: Record<string, string>;
  /** Told when PostgreSQL stopped by itself and is about to be started again. */
  readonly onCrash?: (crash: EmbeddedPostgresCrash) => void;
  /** How often in a row it is started again after it stopped by itself. Default 5. */
  readonly maxRestarts?: number;
  /** Milliseconds until starting is given up. Default 60,000. */
  readonly startTimeoutMs?: number;
}

/** PostgreSQL stopped by itself. */
export interface EmbeddedPostgresCrash {
  readonly reason: string;
  /** Which of the `maxRestarts` starts in a row comes next, from 1. */
  readonly attempt: number;
  /** Milliseconds until then. */
  readonly delayMs: number;
}

/** Why it is down for good. */
export type EmbeddedPostgresEnd =
  | { readonly reason: "stopped" }
  | { readonly reason: "failed"; readonly error: EmbeddedPostgresError };

/** A running PostgreSQL of our own. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** Of the database `tailpost`, as the role `tailpost` that owns it and has no other privilege but REPLICATION. */
  readonly url: string;
  /** Of the database `postgres`, as the superuser. */
  readonly superuserUrl: string;
  readonly dataDir: string;
  /** The version in use, such as `18.4`. */
  readonly version: string;
  /** Settles when it is down for good; never rejects. */
  readonly closed: Promise<EmbeddedPostgresEnd>;
  /**
   * Ends the clients, stops the server and frees the data directory. A server that does not stop in 5 seconds is stopped
   * at once, and killed after 5 more. `immediate` does not wait for a checkpoint: the next start recovers.
   */
  stop(mode?: "fast" | "immediate"): Promise<void>;
}

/** Whether a data directory holds a cluster. */
export async function hasCluster(dataDir: string): Promise<boolean> {
  return await clusterMajor(clusterPaths(dataDir)) !== undefined;
}

const START_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 5;

/**
 * Starts PostgreSQL on a data directory, making the cluster when it is missing, and keeps it running until `stop()`.
 * It listens on 127.0.0.1 alone, on the port of the last time when that is free, and it never outlives this process.
 * When we are root, it runs as the account that owns the cluster, or as `tailpost`, `postgres` or `nobody`.
 *
 * @throws {EmbeddedPostgresError} saying what failed and what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  options.signal?.throwIfAborted();
  const { startTimeoutMs = START_TIMEOUT_MS } = options;
  using limit = deadline(startTimeoutMs, () => startTimeout(startTimeoutMs), options.signal);
  try {
    await Deno.mkdir(options.dataDir, { recursive: true, mode: 0o711 });
    const dataDir = await Deno.realPath(options.dataDir);
    const lock = lockDataDir(dataDir);
    try {
      return await startLocked({ ...options, dataDir }, lock, limit.signal);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.PermissionDenied)) throw cause;
    throw new EmbeddedPostgresError(
      "not_accessible",
      `Cannot use ${options.dataDir}: ${cause.message}. Run Tailpost as the account that owns the data directory, or ` +
        "give another data directory",
      { cause },
    );
  }
}

function startTimeout(ms: number): Error {
  return new EmbeddedPostgresError(
    "timeout",
    `Cannot start PostgreSQL: it is not ready after ${ms / 1000} seconds`,
  );
}

async function startLocked(
  options: EmbeddedPostgresOptions,
  lock: Disposable,
  signal: AbortSignal,
): Promise<EmbeddedPostgres> {
  const { dataDir, onProgress, settings = {} } = options;
  const paths = clusterPaths(dataDir);
  const account = await accountFor(paths.folder);
  await letReach(dataDir, account);
  const binaries = options.binDir
    ? await installedBinaries(options.binDir)
    : await unpackedBinaries(dataDir, { onProgress, signal });
  const madeBy = await clusterMajor(paths);
  if (madeBy === undefined) {
    onProgress?.("Creating the database cluster");
    await createCluster(dataDir, { binaries, account, signal, sync: settings.fsync !== "off" });
  } else if (madeBy !== binaries.major) {
    throw new EmbeddedPostgresError(
      "version_mismatch",
      `Cannot use ${dataDir}: PostgreSQL ${madeBy} made it, and this is PostgreSQL ${binaries.version}. Give PG_BINDIR, ` +
        `the folder of PostgreSQL ${madeBy}'s programs, or another data directory`,
    );
  }

  let port = 0;
  const launch = async (signal: AbortSignal) => {
    await endLeftovers(paths, signal);
    // An earlier server, that has just ended, may have had it
    port ||= await choosePort(paths);
    return await startServer({ paths, binaries, account, settings, port }, signal);
  };
  onProgress?.("Starting PostgreSQL");
  let server: GuardedProcess | undefined;
  for (let attempt = 1; !server; attempt++) {
    server = await launch(signal).catch((error) => {
      if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
      port = 0;
      return undefined;
    });
  }
  const supervised = supervise(server, {
    launch,
    maxRestarts: options.maxRestarts ?? 5,
    onCrash: options.onCrash,
    log: paths.log,
  });
  const closed = supervised.closed.finally(() => lock[Symbol.dispose]());
  const stop = async (mode: "fast" | "immediate" = "fast") => {
    await supervised.stop(mode);
    await closed;
  };
  try {
    await Deno.writeTextFile(paths.port, `${port}\n`);
    const password = await Deno.readTextFile(paths.password);
    return {
      url: `postgres://tailpost:${password}@127.0.0.1:${port}/tailpost`,
      superuserUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      dataDir,
      version: binaries.version,
      closed,
      stop,
      [Symbol.asyncDispose]: () => stop(),
    };
  } catch (error) {
    await stop("immediate");
    throw error;
  }
}
