import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Account } from "./_account.ts";
import { type Binaries, removeTree } from "./_binaries.ts";
import { EmbeddedPostgresError } from "./_error.ts";
import { describeExit, spawnGuarded } from "./_process.ts";

/**
 * Where things are. What PostgreSQL's account owns is in one folder, which appears at once, when it is complete. As root
 * we write nothing in there afterwards: that account could have us write through a symbolic link.
 */
export interface ClusterPaths {
  readonly folder: string;
  readonly data: string;
  readonly password: string;
  readonly log: string;
  /** Beside the folder. */
  readonly port: string;
  /** In the titles of the cluster's processes, and no other's. */
  readonly name: string;
}

/** The cluster's paths in a data directory. */
export function clusterPaths(dataDir: string, folderName = "cluster"): ClusterPaths {
  const folder = join(dataDir, folderName);
  return {
    folder,
    data: join(folder, "data"),
    password: join(folder, "password"),
    log: join(folder, "postgresql.log"),
    port: join(dataDir, "port"),
    name: `tailpost-${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}`,
  };
}

/** Appended to postgresql.conf, where whoever keeps the cluster can change them. */
const DEFAULT_SETTINGS = `
# Tailpost
wal_level = logical
max_connections = 100
shared_buffers = 64MB
max_wal_size = 512MB
timezone = 'UTC'
log_timezone = 'UTC'
`;

/** The major version that made the cluster, or undefined when there is none. */
export async function clusterMajor(paths: ClusterPaths): Promise<number | undefined> {
  try {
    return Number.parseInt(await Deno.readTextFile(join(paths.data, "PG_VERSION")));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** How a cluster is made. */
export interface CreateClusterOptions {
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly signal: AbortSignal;
  /** Whether it must survive a power failure. */
  readonly sync: boolean;
}

/**
 * Makes the cluster, its roles `postgres` (superuser) and `tailpost` (with the same password), and the database
 * `tailpost`, in a folder that takes its name at the end: what a killed process left is thrown away.
 */
export async function createCluster(dataDir: string, options: CreateClusterOptions): Promise<void> {
  const { account, binaries, sync } = options;
  for await (const { name } of Deno.readDir(dataDir)) {
    // What is running in there, if anything is, is about to end. Its folder must not be ours: initdb empties it then
    if (name.startsWith("cluster.unfinished")) await removeTree(join(dataDir, name)).catch(() => {});
  }
  const paths = clusterPaths(dataDir, `cluster.unfinished-${crypto.randomUUID().slice(0, 8)}`);
  const file = (name: string) => join(paths.folder, name);
  const password = randomPassword();
  await Deno.mkdir(paths.folder, { mode: 0o700 });
  const files = {
    "password": password,
    "settings": DEFAULT_SETTINGS,
    // Single-user mode reads a statement a line. It needs no port, no password and no client
    "roles.sql": `CREATE ROLE tailpost LOGIN REPLICATION PASSWORD '${password}'\n` +
      "CREATE DATABASE tailpost OWNER tailpost\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(file(name), text, { mode: 0o600 });
    if (account) await Deno.chown(file(name), account.uid, account.gid);
  }
  if (account) await Deno.chown(paths.folder, account.uid, account.gid);

  await runTool(paths, options, binaries.initdb, [
    ...["-D", paths.data, "-U", "postgres", "--pwfile", paths.password],
    ...["-A", "scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-instructions"],
    ...(sync ? [] : ["--no-sync"]),
  ]);
  const append = ["-c", 'exec cat "$1" >>"$2"', "sh", file("settings"), join(paths.data, "postgresql.conf")];
  await runTool(paths, options, "/bin/sh", append);
  const single = ["--single", "-D", paths.data, ...(sync ? [] : ["-F"]), "postgres"];
  await runTool(paths, options, binaries.postgres, single, file("roles.sql"));
  for (const name of ["settings", "roles.sql", "postgresql.log"]) await Deno.remove(file(name));
  await Deno.rename(paths.folder, clusterPaths(dataDir).folder);
}

async function runTool(
  paths: ClusterPaths,
  options: CreateClusterOptions,
  command: string,
  args: string[],
  input = "/dev/null",
): Promise<void> {
  const { account, binaries: { env }, signal } = options;
  signal.throwIfAborted();
  const { folder: cwd, log } = paths;
  const tool = spawnGuarded({ command, args, account, cwd, env, log, input, atEnd: "terminate" });
  const onAbort = () => void tool.stop("terminate");
  signal.addEventListener("abort", onAbort, { once: true });
  const status = await tool.exited;
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  if (status.success) return;
  const output = await Deno.readTextFile(log).catch(() => "");
  throw new EmbeddedPostgresError(
    "initdb_failed",
    `Cannot create the database cluster in ${cwd}: ${command} ${describeExit(status)}: ${lastLines(output)}`,
  );
}

/** The last lines that PostgreSQL wrote, on one line. */
export function lastLines(log: string, count = 5): string {
  return log.trim().split("\n").slice(-count).map((line) => line.trim()).join("; ") || "it wrote nothing";
}

/** 192 bits, of characters that need no quotes in URLs, SQL and password files. */
function randomPassword(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
