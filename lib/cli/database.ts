/** The database a command works on: the user's own, or the embedded one, started for it. */

import { getLogger } from "@logtape/logtape";
import type postgres from "postgres";
import { wait } from "../backoff.ts";
import { type Config, ConfigError } from "../config.ts";
import { createPool, isAway, isPoolersRefusal } from "../database.ts";
import { parseDatabaseUrl, withoutPassword } from "../database_url.ts";
import { type EmbeddedPostgres, EmbeddedPostgresError, startEmbeddedPostgres } from "../embedded_postgres.ts";
import { tlsOptions } from "../postgres_tls.ts";
import { DatabaseTlsError, tlsProblem } from "../postgres_tls_error.ts";
import { makeServerRole } from "../server_role.ts";
import type { Source } from "../wal_state.ts";
import { CommandError, say } from "./output.ts";

/** A database that can be connected to. Disposing stops it where we started it. */
export interface Database extends AsyncDisposable {
  /** For changing the tables: with the embedded PostgreSQL, as their owner. */
  readonly url: string;
  /**
   * For serving: with the embedded PostgreSQL, as a role that sees one organization at a time and cannot change the tables. They
   * have to be there.
   */
  serverUrl(signal: AbortSignal): Promise<string>;
  /** Settles with the reason when an embedded PostgreSQL is down for good. */
  readonly failed: Promise<Error>;
}

const logger = getLogger(["tailpost", "postgres"]);

/** How long a database that does not answer is waited for, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Opens the database of a configuration.
 *
 * @throws {ConfigError} when a file that its URL names cannot be read
 * @throws {CommandError} when it cannot be had
 */
export async function openDatabase(config: Config, signal: AbortSignal): Promise<Database> {
  const { databaseUrl } = config;
  if (databaseUrl !== null) {
    checkFiles(databaseUrl);
    await reach(databaseUrl, signal);
    return {
      url: databaseUrl,
      serverUrl: () => Promise.resolve(databaseUrl),
      failed: new Promise(() => {}),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  try {
    const server = await startEmbeddedPostgres({
      dataDir: config.dataDir,
      ...config.pgBinDir === null ? {} : { binDir: config.pgBinDir },
      ...config.source === "wal" ? { settings: { wal_level: "logical" } } : {},
      signal,
      onProgress: say,
      onCrash: ({ reason, attempt, delayMs }) =>
        logger.error("PostgreSQL stopped, starting it again in {delayMs} ms (attempt {attempt}): {reason}", {
          reason,
          attempt,
          delayMs,
        }),
    });
    const failed = server.closed.then((end) =>
      end.reason === "failed" ? end.error : new Promise<never>(() => {})
    );
    return {
      url: server.url,
      serverUrl: (signal) => embeddedServerUrl(server, { source: config.source, signal }),
      failed,
      [Symbol.asyncDispose]: () => server.stop(),
    };
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw new CommandError(error.message, 1, { cause: error });
    throw error;
  }
}

/** The role that the server has in the embedded PostgreSQL. */
const EMBEDDED_ROLE = "tailpost_server";

/** Its password is another one with each start, and kept in memory alone. */
async function embeddedServerUrl(
  server: EmbeddedPostgres,
  options: { source: Source; signal: AbortSignal },
): Promise<string> {
  const password = crypto.randomUUID();
  const { pathname } = new URL(server.url);
  const superuserUrl = Object.assign(new URL(server.superuserUrl), { pathname }).href;
  await withConnection(superuserUrl, (sql) => makeServerRole(sql, EMBEDDED_ROLE, { ...options, password }));
  return Object.assign(new URL(server.url), { username: EMBEDDED_ROLE, password }).href;
}

/** Runs with a connection of its own, which is closed afterwards. */
export async function withConnection<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  // Changing tables may take longer than queries may.
  const sql = createPool(url, { size: 1, statementTimeout: 0 });
  try {
    return await run(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/**
 * Makes a connection such as the server's pool is made of. Migrating needs less, and works where this is refused.
 *
 * @throws {CommandError} when a pooler refuses it
 */
export async function tryPool(url: string): Promise<void> {
  const sql = createPool(url, { size: 1 });
  try {
    await sql`select 1`.simple();
  } catch (error) {
    // Whatever else it is may pass.
    if (!isPoolersRefusal(error)) return;
    throw new CommandError(
      `Cannot serve: connect directly to PostgreSQL. At ${
        withoutPassword(url)
      } is a pooler such as PgBouncer, which ` +
        "refuses the server's connections. Through one in session mode, with ignore_startup_parameters = " +
        "statement_timeout, it works; in transaction mode LISTEN does not",
      1,
      { cause: error },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function checkFiles(url: string): void {
  const { tls } = parseDatabaseUrl(url);
  try {
    if (tls) tlsOptions(tls);
  } catch (error) {
    if (error instanceof DatabaseTlsError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

/** Waits until a database answers: in a deployment it may start after us. */
async function reach(url: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + PATIENCE;
  for (let told = false;; told = true) {
    try {
      return await withConnection(url, async (sql) => void await sql`select 1`);
    } catch (error) {
      signal.throwIfAborted();
      const reason = reasonOf(error);
      if (!isAway(error) || tlsProblem(error) !== null || performance.now() > until) {
        throw new CommandError(`Cannot connect to ${withoutPassword(url)}: ${reason}`, 1, { cause: error });
      }
      if (!told) say(`Waiting for PostgreSQL at ${withoutPassword(url)}: ${reason}`);
      await wait(1000, signal);
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return tlsProblem(error)?.message ?? (error instanceof Error ? error.message || error.name : String(error));
}
