/** What the routes need, put together: pool, store, hub, listener, metrics. */

import { getLogger } from "@logtape/logtape";
import type postgres from "postgres";
import { type Access, createAccess } from "./access.ts";
import { type Auth, createAuth } from "./auth.ts";
import { TOKENS_CHANNEL } from "./auth/token_store.ts";
import { within } from "./backoff.ts";
import type { Config } from "./config.ts";
import { parseCursor } from "./cursor.ts";
import { connectListener, createPool, notifyOnce, renewPool, warmUp } from "./database.ts";
import { createDatabaseWatch } from "./database_watch.ts";
import { createHub, type Hub, type HubStore } from "./hub.ts";
import { createIngest, type Ingest } from "./ingest.ts";
import { createLimits, type Limits } from "./limits.ts";
import { createListener, type Listener, type ListenerOptions } from "./listener.ts";
import { createHubStore, type HubStoreOptions } from "./log_store/fetch.ts";
import type { LogRate } from "./log_store/rate.ts";
import type { LogValues } from "./log_store/values.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { openNotifyStream } from "./notify_stream.ts";
import { openWalStream, type WalState } from "./wal_stream.ts";
import { organizationOf } from "./query.ts";
import { createSharedAnswers, type SharedAnswers } from "./shared_answers.ts";
import type { DatabaseProblem } from "./sse.ts";

/** See {@link createServices}. */
export interface Services extends AsyncDisposable {
  readonly config: Config;
  readonly sql: postgres.Sql;
  readonly auth: Auth;
  readonly access: Access;
  /** The server's own check of whose logs a request may be about. */
  readonly organizationOf: typeof organizationOf;
  readonly hub: Hub;
  readonly limits: Limits;
  readonly ingest: Ingest;
  readonly metrics: Metrics;
  /** What many pages ask for at the same moment. */
  readonly answers: { readonly values: SharedAnswers<LogValues>; readonly rates: SharedAnswers<LogRate> };
  /** Settles once the listener is connected for the first time. */
  readonly started: Promise<void>;
  /** Why not all is well at the moment, `null` when it is. */
  notReady(): Promise<DatabaseProblem | null>;
  /** Whether a cursor is ahead of the database: of another one, or of a past that it has lost. Only asks where it may be. */
  isForeign(cursor: string): Promise<boolean>;
}

/** What services may be made of. */
export interface ServicesOptions extends Pick<ListenerOptions, "openStream"> {
  /** Makes what the hub reads. Default: {@link createHubStore}. */
  readonly createStore?: (sql: postgres.Sql, options: HubStoreOptions) => HubStore;
  /** Default: {@link organizationOf}. Tests take it away, and see whether the database's own wall holds. */
  readonly organizationOf?: typeof organizationOf;
}

const logger = getLogger(["tailpost"]);

/** How long the pool may take to answer before the server calls itself not ready, in milliseconds. */
const READY_TIMEOUT = 2000;

/** How long shared answers count, in milliseconds, and how many are kept: each may take 50 kB. */
const SHARED_ANSWERS = { fresh: 5000, most: 200 };

/** Connects to the database and starts to listen. Never fails: what is away is reconnected to. */
export function createServices(
  config: Config,
  databaseUrl: string,
  { createStore = createHubStore, organizationOf: ownCheck = organizationOf, openStream }: ServicesOptions =
    {},
): Services {
  const statementTimeout = config.queryTimeoutSeconds * 1000;
  const sql = createPool(databaseUrl, { statementTimeout });
  const limits = createLimits(config);
  const started = Promise.withResolvers<void>();
  const onError = (message: string, error: unknown) => logger.warn("{message}: {error}", { message, error });
  const auth = createAuth(sql, onError);
  const hub: Hub = createHub({
    source: { watch: (id) => listener.watch(id), unwatch: (id) => listener.unwatch(id) },
    store: createStore(sql, { statementTimeout }),
    heartbeat: config.heartbeatSeconds * 1000,
    maxViewers: config.maxViewers,
    onError,
  });
  const watch = createDatabaseWatch({
    sql,
    source: config.source,
    hasSlot: () => wal.streaming,
    notify: (channel) => notifyOnce(databaseUrl, channel),
    onProblem(problem) {
      if (problem) logger.warn(`${problem.message} (${problem.code})`);
      else logger.info("What was wrong with the database is not so any more");
      report();
    },
    onMissed: (since) => config.source === "wal" ? undefined : hub.missed(since),
    onRestart: (xid, started) => hub.restarted(xid, started),
    onNote: (note) => logger.warn(note),
    onError,
  });
  const wal: WalState = { streaming: false, retained: 0, slots: 0, givenUp: 0 };
  let late: DatabaseProblem | null = null;
  const report = () => hub.report(watch.problem ?? late);
  /** Told once, and not with every try. */
  const refusesListen = () => watch.problem?.code === "standby" || watch.problem?.code === "tls";
  const listener: Listener = createListener({
    connect: (hooks) =>
      connectListener(databaseUrl, {
        ...hooks,
        onnotify(channel, payload) {
          watch.heard(channel);
          if (channel === TOKENS_CHANNEL) auth.tokens.changed(payload);
          hooks.onnotify(channel, payload);
        },
      }),
    probe: (connection) => watch.probe(connection),
    openStream: openStream ?? (config.source === "notify" ? openNotifyStream : (options) =>
      openWalStream({
        ...options,
        url: databaseUrl,
        keepBytes: config.walKeepBytes,
        state: wal,
        onLate(reason) {
          if (reason === null) logger.info("Commits are heard from the WAL");
          else logger.warn("Commits are not heard from the WAL: {reason}", { reason });
          late = reason === null
            ? null
            : { code: "wal_late", message: `New logs appear up to a second late: ${reason}` };
          report();
        },
      })),
    channels: config.auth === "off" ? [] : [TOKENS_CHANNEL],
    // What was revoked while nobody listened.
    onListening: () => auth.tokens.recheck(),
    onConnected() {
      started.resolve();
      watch.connected();
      if (listener.connections > 1 && !refusesListen()) logger.info("The listener is connected again");
      warmUp(sql).catch((error: unknown) => logger.warn("Cannot open the pool: {error}", { error }));
    },
    // A query of the pool may take much longer than the listener waits, and viewers would wait for it.
    onSilent: () => renewPool(sql),
    events: {
      listening: (id, isSettled) => hub.listening(id, isSettled),
      missed: (since) => hub.missed(since),
      changed: (id) => hub.changed(id),
      notified: (id, payload) => hub.notified(id, payload),
      announced: (id, notification) => hub.announced(id, notification),
      disconnected(reason) {
        if (refusesListen()) logger.debug("Connecting again: {reason}", { reason });
        else logger.warn("The listener's connection was lost, connecting again: {reason}", { reason });
        late = null;
        watch.disconnected();
        report();
        hub.disconnected(reason);
      },
    },
  });
  const ingest = createIngest({ limits });
  const metrics = createMetrics(hub, listener, { limits, ingest, wal: config.source === "wal" ? wal : null });
  return {
    config,
    sql,
    auth,
    access: createAccess(sql),
    organizationOf: ownCheck,
    hub,
    limits,
    ingest,
    metrics,
    answers: { values: createSharedAnswers(SHARED_ANSWERS), rates: createSharedAnswers(SHARED_ANSWERS) },
    started: started.promise,
    async notReady() {
      const notReady = (message: string) => watch.problem ?? { code: "not_ready", message };
      if (!listener.connected) return notReady("The listener is not connected to PostgreSQL");
      try {
        await within(READY_TIMEOUT, watch.inspect(), "No answer within 2 seconds");
        return watch.problem;
      } catch (error) {
        logger.warn("Not ready: {error}", { error });
        return notReady("PostgreSQL does not answer queries");
      }
    },
    async isForeign(cursor) {
      const { xmax } = parseCursor(cursor);
      if (xmax <= watch.xmax || !listener.connected) return false;
      try {
        await within(READY_TIMEOUT, watch.inspect(), "No answer within 2 seconds");
      } catch {
        // The hub finds out once the database answers.
        return false;
      }
      return xmax > watch.xmax;
    },
    async [Symbol.asyncDispose]() {
      hub.close();
      auth[Symbol.dispose]();
      await listener[Symbol.asyncDispose]();
      await sql.end({ timeout: 1 });
    },
  };
}

let provided: Services | null = null;

/** Hands the services to the routes, which a server that was built ahead cannot be given in another way. */
export function provideServices(services: Services | null): void {
  provided = services;
}

/** The services of this process. */
export function services(): Services {
  if (!provided) throw new Error("No services were provided: start the program by its command line");
  return provided;
}
