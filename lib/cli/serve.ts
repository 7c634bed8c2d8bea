/** `tailpost serve`: the server, until it is told to stop. */

import { getLogger } from "@logtape/logtape";
import { Command } from "commander";
import { wait, within } from "../backoff.ts";
import { hasAdmin } from "../auth/token_store.ts";
import type { Config } from "../config.ts";
import {
  CertificateError,
  type Pair,
  type PairPaths,
  readPair,
  watchPair,
} from "../http_server/certificate.ts";
import { type Handle, type HttpServer, listenHttp } from "../http_server.ts";
import { migrateUp, migrationStatus } from "../migrations.ts";
import { secured } from "../security_headers.ts";
import { createServices, provideServices, type Services, type ServicesOptions } from "../services.ts";
import { type Database, openDatabase, tryPool, withConnection } from "./database.ts";
import { explaining, repairing, report } from "./migrate.ts";
import { CommandError, configureLogging, print, say } from "./output.ts";
import { checkWal } from "./check_wal.ts";
import { addSettings, configOf } from "./settings.ts";
import { stopSignal } from "./stop_signal.ts";

const logger = getLogger(["tailpost"]);

/** How long open requests may take to end once the server stops, in milliseconds. */
const DRAIN = 2000;

/** How long the line that says ready waits for the listener, in milliseconds. Without it the server serves all the same. */
const LISTENER_PATIENCE = 5000;

/** Makes the command. */
export function serveCommand(): Command {
  const command = new Command("serve")
    .summary("serve the page and the API (the default)")
    .description("Serves the live tail: the page, the stream and the API, until it is told to stop.");
  addSettings(command, [
    "databaseUrl",
    "dataDir",
    "host",
    "port",
    "tlsCert",
    "tlsKey",
    "auth",
    "source",
    "migrate",
  ]);
  return command.addHelpText(
    "after",
    `
Examples:
  tailpost serve                                     prints a link to sign in by, the first time
  tailpost serve --auth off                          open to this machine, without signing in
  DATABASE_URL=postgres://me@db/app tailpost serve --auth off --port 9000`,
  ).action(async (flags: Record<string, unknown>) => await serve(configOf(flags)));
}

/** What runs beside the server and ends with it. */
export type Companion = (services: Services, signal: AbortSignal, database: Database) => Promise<void>;

/** What answers requests. */
export interface Front {
  readonly url: string;
  /** Takes another certificate; null where that needs a restart. */
  readonly renew: ((pair: Pair) => void) | null;
  /** Takes no more requests, and waits for those that are open. */
  shutdown(): Promise<void>;
}

/** What a front is made of. */
export interface FrontParts {
  readonly services: Services;
  /** For TLS; null: none. */
  readonly pair: Pair | null;
}

/** How {@link serve} serves. */
export interface ServeOptions extends ServicesOptions {
  readonly companion?: Companion;
  /** Starts what answers requests. Default: the built server. */
  readonly openFront?: (config: Config, parts: FrontParts) => Promise<Front>;
}

/** Serves until SIGINT or SIGTERM. */
export async function serve(config: Config, options: ServeOptions = {}): Promise<void> {
  const { companion, openFront = openBuilt } = options;
  await configureLogging(config);
  const certificate = await readCertificate(config);
  // Whoever renews certificates sends SIGHUP. From a terminal it means that this was closed.
  using stop = stopSignal(0, { hangUp: certificate === null || Deno.stdin.isTerminal() });
  await using database = await openDatabase(config, stop.signal);
  await prepareTables(database.url, config, stop.signal);
  const serverUrl = await explaining(() => database.serverUrl(stop.signal));
  if (config.databaseUrl !== null) await tryPool(serverUrl);
  if (config.source === "wal") await checkWal(serverUrl, stop.signal);
  await using services = createServices(config, serverUrl, options);
  provideServices(services);
  const front = await openFront(config, { services, pair: certificate?.pair ?? null });
  using _renewal = certificate && renewing(certificate, front);
  await Promise.race([services.started, wait(LISTENER_PATIENCE, stop.signal)]);
  print(`Tailpost is ready at ${front.url}`);
  if (config.auth === "token") await offerLogin(services, front.url);
  const companionDone = companion?.(services, stop.signal, database);
  const stopped = new Promise<null>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve(null), { once: true })
  );
  const failure = stop.signal.aborted ? null : await Promise.race([stopped, database.failed]);
  say("Stopping");
  // First the streams: a server that shuts down waits for them.
  services.hub.close();
  await within(DRAIN, front.shutdown(), "Requests were still open").catch((error: unknown) =>
    logger.warn("Stopped all the same: {reason}", { reason: error instanceof Error ? error.message : error })
  );
  if (failure) throw new CommandError(failure.message, 1, { cause: failure });
  await companionDone;
}

interface Certificate {
  readonly paths: PairPaths;
  readonly pair: Pair;
}

/** The certificate that is set, null where none is. Before anything is started: with a bad one nothing is. */
async function readCertificate({ tlsCert: cert, tlsKey: key }: Config): Promise<Certificate | null> {
  if (cert === null || key === null) return null;
  const paths = { cert, key };
  try {
    return { paths, pair: await readPair(paths) };
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    throw new CommandError(cause.message, 1, { cause });
  }
}

/** Takes a certificate that was renewed, by itself and on SIGHUP. One that is of no use leaves the old one where it is. */
function renewing({ paths, pair }: Certificate, { renew }: Front): Disposable {
  const watch = watchPair(paths, {
    current: pair,
    onChange(pair) {
      if (!renew) return logger.warn("The certificate has changed: restart to use it, this Deno cannot");
      renew(pair);
      logger.info("The certificate was renewed");
    },
    onBad: (error) => logger.warn("The certificate stays as it is: {error}", { error }),
  });
  const look = () => void watch.look();
  const isAsked = Deno.build.os !== "windows" && !Deno.stdin.isTerminal();
  if (isAsked) Deno.addSignalListener("SIGHUP", look);
  return {
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      if (isAsked) Deno.removeSignalListener("SIGHUP", look);
    },
  };
}

/** Where nobody can sign in as an administrator yet: prints a link by which one person can, once and soon. */
async function offerLogin({ auth, sql }: Services, url: string): Promise<void> {
  try {
    if (await hasAdmin(sql)) return;
  } catch (error) {
    return logger.warn("Cannot tell whether there is an administrator: {error}", { error });
  }
  // A server on all addresses has none that a browser could open.
  const here = url.replace(/^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=:)/u, "$1localhost");
  say(`Sign in, once and within 15 minutes: ${here}/login?code=${auth.codes.create()}`);
}

/** Applies what is pending, or says what to run. */
async function prepareTables(url: string, config: Config, signal: AbortSignal): Promise<void> {
  await explaining(() =>
    withConnection(url, async (sql) => {
      if (config.migrate === "auto") {
        await migrateUp(sql, { signal, onProgress: report });
        await repairing(sql, { source: config.source, signal });
        return;
      }
      const pending = (await migrationStatus(sql)).filter(({ state }) => state === "pending");
      if (pending.length === 0) return;
      const count = pending.length === 1 ? "1 migration is" : `${pending.length} migrations are`;
      throw new CommandError(
        `Cannot serve: ${count} pending. Run tailpost migrate, or serve with --migrate auto`,
      );
    })
  );
}

/** Serves what the build wrote. It is imported only now: it is not there before the first build. */
async function openBuilt(config: Config, parts: FrontParts): Promise<Front> {
  const built = new URL("../../_fresh/server.js", import.meta.url).href;
  let fetch: Handle;
  try {
    ({ default: { fetch } } = await import(built) as { default: { fetch: Handle } });
  } catch (cause) {
    if (!(cause instanceof TypeError) || !cause.message.includes("not found")) throw cause;
    throw new CommandError("Cannot serve: the pages are not built. Run deno task build", 1, { cause });
  }
  const { hostname, port, ...front } = await listen(config, parts, fetch);
  return { url: urlOf(hostname, port, parts.pair ? "https" : "http"), ...front };
}

/** The address of a page on a host and port. */
export function urlOf(hostname: string, port: number, scheme: "http" | "https" = "http"): string {
  return `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

async function listen(
  config: Config,
  { services: { metrics }, pair }: FrontParts,
  fetch: Handle,
): Promise<HttpServer> {
  try {
    return await listenHttp({
      hostname: config.host,
      port: config.port,
      maxConnections: config.maxConnections,
      headerTimeoutSeconds: config.headerTimeoutSeconds,
      pair,
      handle: async (request, info) => secured(await fetch(request, info)),
      onError(error) {
        logger.error("A request failed: {error}", { error });
        return secured(new Response("Internal Server Error", { status: 500 }));
      },
      badRequest: () => secured(new Response("Bad Request", { status: 400 })),
      onRefused: (reason) => metrics.refused.inc({ reason }),
    });
  } catch (cause) {
    const isTaken = cause instanceof Deno.errors.AddrInUse ||
      cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    const reason = isTaken
      ? "something else listens there. Choose another with --port, 0 picks a free one"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new CommandError(`Cannot listen on ${config.host}:${config.port}: ${reason}`, 1, { cause });
  }
}
