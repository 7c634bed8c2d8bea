import postgres from "postgres";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../lib/embedded_postgres.ts";
import { clusterPaths } from "../lib/embedded_postgres/_cluster.ts";
import { testDataDir } from "./_postgres_data_dir.ts";

/** A real PostgreSQL for tests. */
export interface TestServer extends AsyncDisposable {
  /** Major version. */
  readonly version: number;
  /** Of the database `postgres`, as the superuser. */
  readonly url: string;
  /** Where its files are. The server runs in `cluster/data` below. */
  readonly dataDir: string;
  /** Makes an empty database. */
  database(options?: { name?: string }): Promise<TestDatabase>;
  /** Ends the server; `immediate` is a crash as far as its clients and its files can tell. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
  /** Starts it again after `stop()`, on the same port. */
  start(): Promise<void>;
  /** Both. */
  restart(mode?: "fast" | "immediate"): Promise<void>;
}

/** An empty database of its own for one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** As the role `tailpost`, which owns the database and is no superuser. */
  readonly url: string;
  /** The same database as the superuser, for `CREATE EXTENSION` and the like. */
  readonly superuserUrl: string;
  /** A pool of connections to `url`. */
  readonly sql: postgres.Sql;
}

/**
 * Starts a PostgreSQL with a throw-away data directory: that of PG_BINDIR when it is set, else the embedded one. Call it
 * at the top level of a test file and share the server; call it inside a test that stops or restarts the server.
 *
 * Whatever way the process ends, the server ends with it and its files are removed. `port` is taken when it is free.
 */
export async function testServer(
  options: { settings?: Record<string, string>; port?: number } = {},
): Promise<TestServer> {
  const files = await testDataDir();
  if (options.port) {
    await Deno.writeTextFile(clusterPaths(files.options.dataDir).port, `${options.port}\n`);
  }
  const start = () =>
    startEmbeddedPostgres({
      ...files.options,
      settings: { ...files.options.settings, max_connections: "200", ...options.settings },
    });
  let server = await start();
  const startAgain = async () => {
    server = await start();
  };
  return {
    version: Number.parseInt(server.version),
    url: server.superuserUrl,
    dataDir: files.options.dataDir,
    database: ({ name = randomName() } = {}) => createDatabase(server, name),
    stop: (mode) => server.stop(mode),
    start: startAgain,
    async restart(mode) {
      await server.stop(mode);
      await startAgain();
    },
    async [Symbol.asyncDispose]() {
      await server.stop("immediate");
      await files[Symbol.asyncDispose]();
    },
  };
}

function randomName(): string {
  return `test_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
}

async function createDatabase(server: EmbeddedPostgres, name: string): Promise<TestDatabase> {
  const admin = async (run: (sql: postgres.Sql) => Promise<unknown>) => {
    const sql = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
    try {
      await run(sql);
    } finally {
      await sql.end();
    }
  };
  await admin((sql) => sql`create database ${sql(name)} owner tailpost`);
  const at = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const url = at(server.url);
  const sql = postgres(url, { max: 10, onnotice: () => {} });
  return {
    name,
    url,
    superuserUrl: at(server.superuserUrl),
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 5 });
      await admin((sql) => sql`drop database if exists ${sql(name)} with (force)`);
    },
  };
}
