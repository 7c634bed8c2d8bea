/** What can be measured: programs that show the rows of a PostgreSQL on an SSE stream. */

import { BOUNDS } from "./scenarios.ts";
import { startDeno } from "./child.ts";

/** A program to measure. */
export interface Target {
  readonly name: string;
  /** Its design, in a line. */
  readonly about: string;
  /** Prepares the database and starts the server. */
  start(options: TargetOptions): Promise<RunningTarget>;
}

/** What a target may use. */
export interface TargetOptions {
  readonly databaseUrl: string;
  /** A directory that is removed afterwards. */
  readonly directory: string;
}

/** A server that is ready. Disposing of it ends it. */
export interface RunningTarget extends AsyncDisposable {
  /** Its processes. PostgreSQL's are not among them. */
  readonly pids: readonly number[];
  readonly hostname: string;
  readonly port: number;
  /** Of the stream. */
  readonly path: string;
  /** What a stream says once nothing can be missing from then on. */
  readonly ready: string;
  /** The beginning of the names of its connections to PostgreSQL. */
  readonly application: string;
}

const MIGRATE_TIMEOUT = 60_000;
const START_TIMEOUT = 60_000;

/** Tailpost from its source, `program` being its main.ts. */
export function tailpost(program: string, source: "notify" | "wal" = "notify"): Target {
  return {
    name: "tailpost",
    about: "this program",
    async start({ databaseUrl, directory }) {
      // All viewers are of this address.
      const most = String(BOUNDS.viewers);
      const settings = {
        DATABASE_URL: databaseUrl,
        TAILPOST_DATA_DIR: directory,
        TAILPOST_MAX_VIEWERS_PER_ADDRESS: most,
        // So that an older version can be measured, which has no other.
        ...source === "wal" ? { TAILPOST_SOURCE: source } : {},
      };
      const run = ["run", "-A", "--quiet", program];
      {
        await using migrate = startDeno([...run, "migrate", "up"], { settings });
        await migrate.finish(MIGRATE_TIMEOUT);
      }
      const server = startDeno([...run, "serve", "--auth", "off", "--port", "0"], { settings });
      try {
        const url = await server.line(readyAt, START_TIMEOUT);
        return {
          pids: [server.pid],
          hostname: url.hostname,
          port: Number(url.port),
          path: "/api/logs/stream",
          ready: "event: ready",
          application: "tailpost",
          [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
        };
      } catch (error) {
        await server[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}

function readyAt(line: string): URL | undefined {
  const address = /ready at (http:\S+)/u.exec(line)?.[1];
  return address === undefined ? undefined : new URL(address);
}
