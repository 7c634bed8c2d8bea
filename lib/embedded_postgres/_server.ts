import { join } from "node:path";
import type { Account } from "./_account.ts";
import type { Binaries } from "./_binaries.ts";
import { type ClusterPaths, lastLines } from "./_cluster.ts";
import { EmbeddedPostgresError } from "./_error.ts";
import { describeExit, type GuardedProcess, spawnGuarded } from "./_process.ts";
import { until } from "./_wait.ts";

/** What a server is started with. */
export interface ServerOptions {
  readonly paths: ClusterPaths;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly settings: Record<string, string>;
  readonly port: number;
}

/** The port is taken, though it was free a moment ago. */
export class PortTakenError extends EmbeddedPostgresError {
  constructor(port: number) {
    super("start_failed", `Cannot start PostgreSQL: another program took port ${port}`);
  }
}

/**
 * Starts PostgreSQL and resolves once it accepts connections. There must be no postmaster.pid. Rejected or aborted, it
 * leaves no process behind.
 */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<GuardedProcess> {
  const { paths, binaries: { postgres, env } } = options;
  const logStart = await logSize(paths);
  const settings = {
    unix_socket_directories: "",
    ...options.settings,
    // The rest of this program relies on these
    listen_addresses: "127.0.0.1",
    port: String(options.port),
    cluster_name: paths.name,
    log_destination: "stderr",
    logging_collector: "off",
    update_process_title: "on",
  };
  const server = spawnGuarded({
    command: postgres,
    args: [
      "-D",
      paths.data,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    cwd: paths.folder,
    account: options.account,
    env,
    log: paths.log,
    atEnd: "fast",
  });
  let ended: Deno.CommandStatus | undefined;
  void server.exited.then((status) => ended = status);
  try {
    await until(async () => {
      if (ended) throw await failure(options, ended, logStart);
      return await isReady(paths) || undefined;
    }, signal);
    return server;
  } catch (error) {
    await server.stop("immediate");
    throw error;
  }
}

/** PostgreSQL writes its state on the eighth line of postmaster.pid (src/include/utils/pidfile.h), for pg_ctl. */
async function isReady(paths: ClusterPaths): Promise<boolean> {
  const text = await Deno.readTextFile(join(paths.data, "postmaster.pid")).catch(() => "");
  return text.split("\n")[7]?.trim() === "ready";
}

async function logSize({ log }: ClusterPaths): Promise<number> {
  return (await Deno.stat(log).catch(() => undefined))?.size ?? 0;
}

async function failure(
  { paths, port }: ServerOptions,
  ended: Deno.CommandStatus,
  logStart: number,
): Promise<Error> {
  const log = await Deno.readFile(paths.log).catch(() => new Uint8Array());
  // It began anew when it was over its limit
  const text = new TextDecoder().decode(log.subarray(logStart <= log.length ? logStart : 0));
  if (/could not bind .*: Address already in use/.test(text)) return new PortTakenError(port);
  return new EmbeddedPostgresError(
    "start_failed",
    `Cannot start PostgreSQL: it ${describeExit(ended)}: ${lastLines(text)}. Its log is ${paths.log}`,
  );
}

/** The port that was used last when it is free, else any free one. */
export async function choosePort(paths: ClusterPaths): Promise<number> {
  const last = Number.parseInt(await Deno.readTextFile(paths.port).catch(() => ""));
  if (last > 0 && last < 65536) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port: last }).close();
      return last;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
