/** A real PgBouncer in front of a test's PostgreSQL, where one is installed. */

import { delimiter, join } from "node:path";
import { run } from "./server.ts";

/** The path of the machine's PgBouncer, `null` where there is none. Debian puts it where only root's PATH leads. */
export function findPgBouncer(): string | null {
  const folders = [...(Deno.env.get("PATH") ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const isFile = (path: string) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  };
  return folders.filter((folder) => folder !== "").map((folder) => join(folder, "pgbouncer")).find(isFile) ??
    null;
}

const path = findPgBouncer();
// deno-lint-ignore no-console -- whoever runs the tests must know what was left out
if (!path) console.log("Tests with PgBouncer are left out: install one (apt install pgbouncer)");

/** Registers a test that needs PgBouncer; on a machine without one it is reported as ignored. */
export function pgBouncerTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: path === null, fn });
}

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
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
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
