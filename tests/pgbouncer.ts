/** A real PgBouncer in front of a test's PostgreSQL, where one is installed. */

import { join } from "node:path";
import { freePort, installed } from "./installed.ts";
import { run } from "./server.ts";

const { path, test } = installed("pgbouncer");

export { test as pgBouncerTest };

/** A running PgBouncer. */
export interface PgBouncer extends AsyncDisposable {
  /** The database URL that was given, through it. */
  readonly url: string;
}

/** Starts one. */
export async function startPgBouncer(
  databaseUrl: string,
  { mode, settings = {} }: { mode: "transaction" | "session"; settings?: Record<string, string> },
): Promise<PgBouncer> {
  const target = new URL(databaseUrl);
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "tailpost-pgbouncer-" });
  const user = `user=${target.username} password=${target.password}`;
  const lines = Object.entries({
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: mode,
    ...settings,
  }).map(([name, value]) => `${name} = ${value}`);
  const file = join(folder, "pgbouncer.ini");
  await Deno.writeTextFile(
    file,
    `[databases]\n* = host=${target.hostname} port=${target.port} ${user}\n[pgbouncer]\n${
      lines.join("\n")
    }\n`,
  );
  await Deno.chmod(folder, 0o755);
  // It refuses to run as root.
  const program = run(path ?? "pgbouncer", [...Deno.uid() === 0 ? ["-u", "nobody"] : [], file], {});
  await program.line(/process up/u);
  return {
    url: Object.assign(new URL(databaseUrl), { port: String(port) }).href,
    async [Symbol.asyncDispose]() {
      await program.end("SIGTERM");
      await Deno.remove(folder, { recursive: true });
    },
  };
}
