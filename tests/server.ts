/** The real program as a child process, on a real PostgreSQL. */

import type postgres from "postgres";
import { migrateUp } from "../lib/migrations.ts";
import { type TestDatabase, type TestServer } from "./postgres.ts";

/** A running `tailpost serve`. */
export interface TestTailpost extends AsyncDisposable {
  /** Such as http://127.0.0.1:41234, the same after a restart. With TLS it is https://. */
  readonly url: string;
  readonly pid: number;
  /** Its database. */
  readonly database: TestDatabase;
  readonly sql: postgres.Sql;
  /** What it has written to both outputs since the last start. */
  output(): string;
  /** Ends it with a signal, and gives its exit status. */
  stop(signal?: Deno.Signal): Promise<Deno.CommandStatus>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** Starts the program on a fresh, migrated database of `postgres`. */
export async function startTailpost(
  postgres: TestServer,
  { env = {}, args = [] }: { env?: Record<string, string>; args?: string[] } = {},
): Promise<TestTailpost> {
  const database = await postgres.database();
  await migrateUp(database.sql);
  let program: Program | null = null;
  let output = () => "";
  let port = 0;
  let scheme = "http";
  async function start() {
    program = runTailpost(["serve", "--auth", "off", "--port", String(port), ...args], {
      DATABASE_URL: database.url,
      ...env,
    });
    ({ output } = program);
    const ready = await program.line(/Tailpost is ready at (https?):\/\/[^:]+:(\d+)/u);
    scheme = ready[1] ?? scheme;
    port = Number(ready[2]);
  }
  async function stop(signal: Deno.Signal = "SIGTERM") {
    const status = await program?.end(signal);
    if (!status) throw new Error("It does not run");
    program = null;
    return status;
  }
  await start();
  return {
    get url() {
      return `${scheme}://127.0.0.1:${port}`;
    },
    get pid() {
      return program?.pid ?? 0;
    },
    database,
    sql: database.sql,
    output: () => output(),
    start,
    stop,
    async [Symbol.asyncDispose]() {
      if (program) await stop();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The port of a server, for those who speak to it without `fetch`. */
export function portOf({ url }: Pick<TestTailpost, "url">): number {
  return Number(new URL(url).port);
}

/**
 * A number of `/metrics`, such as of `tailpost_refused_total{reason="filter"}`; NaN where there is none. In headers goes a token, and
 * `client` trusts a certificate.
 */
export async function metric(
  { url, client }: Pick<TestTailpost, "url"> & { readonly client?: Deno.HttpClient },
  name: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers, ...client && { client } })).text();
  const line = text.split("\n").find((line) => line.startsWith(`${name} `));
  return line === undefined ? NaN : Number(line.slice(name.length));
}

/** A running command. */
export interface Program {
  readonly pid: number;
  /** Settles when it has ended. */
  readonly status: Promise<Deno.CommandStatus>;
  /** All it has written to both outputs so far. */
  output(): string;
  /** Waits until its output matches. Rejects when it ends first, or after 30 seconds. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal and waits for its end; after ten seconds it is killed. */
  end(signal: Deno.Signal): Promise<Deno.CommandStatus>;
}

/** The program's own entry. */
const MAIN = new URL("../main.ts", import.meta.url);

/** Runs `tailpost` from source with an environment of its own, or another entry that takes its command line. */
export function runTailpost(args: readonly string[], env: Record<string, string>, entry = MAIN): Program {
  return run(Deno.execPath(), ["run", "-A", "--no-check", entry.pathname, ...args], env);
}

/** Runs a command with an environment of its own, PATH and HOME aside. */
export function run(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  cwd?: string,
): Program {
  const inherited = Object.fromEntries(
    ["PATH", "HOME", "DENO_DIR", "NPM_CONFIG_REGISTRY", "LANG"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const child = new Deno.Command(command, {
    args: [...args],
    env: { ...inherited, ...env },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...cwd === undefined ? {} : { cwd },
  }).spawn();
  let output = "";
  let told = Promise.withResolvers<void>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      output += decoder.decode(chunk, { stream: true });
      told.resolve();
      told = Promise.withResolvers();
    }
  };
  const status = Promise.all([child.status, read(child.stdout), read(child.stderr)]).then(([status]) => {
    told.resolve();
    return status;
  });
  let ended = false;
  status.then(() => ended = true);
  return {
    pid: child.pid,
    status,
    output: () => output,
    async line(pattern) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => late.reject(new Error(`No ${pattern} within 30 s in:\n${output}`)),
        30_000,
      );
      try {
        for (;;) {
          const next = told.promise;
          const match = pattern.exec(output);
          if (match) return match;
          if (ended) throw new Error(`It ended without ${pattern}:\n${output}`);
          await Promise.race([next, late.promise]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async end(signal) {
      if (!ended) child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      try {
        return await status;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
