import { join } from "node:path";
import type { ClusterPaths } from "./_cluster.ts";
import { EmbeddedPostgresError } from "./_error.ts";
import { deadline, until } from "./_wait.ts";

/** A process of this machine. */
export interface Process {
  readonly pid: number;
  /** Its arguments, the program first, joined with spaces. PostgreSQL's children have a title there. */
  readonly args: string;
}

/** Milliseconds that leftovers are given to end after each, ever firmer, signal. */
const PATIENCE_MS = 5_000;

/**
 * Ends what an earlier Tailpost left running on a cluster: a server whose Tailpost was killed and that is still shutting
 * down, an orphan, or backends that outlived their postmaster. Then nothing runs on it, so that postmaster.pid, whose
 * process id may belong to another program by now, is removed. Call it under the lock of the data directory.
 */
export async function endLeftovers(paths: ClusterPaths, signal: AbortSignal): Promise<void> {
  const pidFile = join(paths.data, "postmaster.pid");
  const stranger = await findStranger(paths, pidFile);
  if (stranger) {
    throw new EmbeddedPostgresError(
      "in_use",
      `Cannot use ${paths.data}: a PostgreSQL that Tailpost did not start (process ${stranger.pid}) runs on it. ` +
        "Stop that one, or give another data directory",
    );
  }
  for (const name of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    for (const { pid } of await leftovers(paths)) kill(pid, name);
    if (await gone(paths, signal)) {
      return await Deno.remove(pidFile).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }
  throw new EmbeddedPostgresError(
    "in_use",
    `Cannot use ${paths.data}: the PostgreSQL of an earlier Tailpost does not end, not even by SIGKILL`,
  );
}

async function leftovers(paths: ClusterPaths): Promise<Process[]> {
  return (await processes()).filter(({ args }) => belongsTo(paths, args));
}

/** True for the postmaster of a cluster as Tailpost starts it, for its children, and for the shell that guards it. */
export function belongsTo({ name, data }: ClusterPaths, args: string): boolean {
  if (args.startsWith(`postgres: ${name}: `)) return true;
  return args.includes(` -D ${data} -c `) && `${args} `.includes(` cluster_name=${name} `);
}

/** The PostgreSQL that postmaster.pid names, when it runs on this cluster and is not of our making. */
async function findStranger(paths: ClusterPaths, pidFile: string): Promise<Process | undefined> {
  // Negative for a server in single-user mode
  const pid = Math.abs(Number.parseInt(await Deno.readTextFile(pidFile).catch(() => "")));
  const found = (await processes()).find((process) => process.pid === pid);
  if (!found || belongsTo(paths, found.args)) return undefined;
  const cwd = await Deno.readLink(`/proc/${pid}/cwd`).catch(() => undefined);
  return (cwd === undefined ? found.args.includes(paths.data) : cwd === paths.data) ? found : undefined;
}

async function gone(paths: ClusterPaths, signal: AbortSignal): Promise<boolean> {
  const late = new Error("late");
  using limit = deadline(PATIENCE_MS, () => late, signal);
  try {
    return await until(async () => (await leftovers(paths)).length === 0 || undefined, limit.signal);
  } catch (error) {
    if (error === late) return false;
    throw error;
  }
}

/** All processes, from /proc where there is one. Deno's own file functions read it under --allow-all alone. */
export async function processes(): Promise<Process[]> {
  if (Deno.build.os !== "linux") return await processesByPs();
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'exec grep -azH "" /proc/[0-9]*/cmdline'],
    env: { LC_ALL: "C" },
    stdin: "null",
    stderr: "null",
  }).output();
  const found = new Map<number, string[]>();
  // `/proc/<pid>/cmdline:<argument>`, each ended by NUL
  for (const line of new TextDecoder().decode(stdout).split("\0")) {
    const [, pid, arg = ""] = /^\/proc\/(\d+)\/cmdline:([^]*)$/.exec(line) ?? [];
    if (pid) found.set(Number(pid), [...found.get(Number(pid)) ?? [], arg]);
  }
  return [...found].map(([pid, args]) => ({ pid, args: args.join(" ").trim() }));
}

/** All processes, from the program that POSIX has for it. */
export async function processesByPs(): Promise<Process[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-ww", "-o", "pid=,args="] }).output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(.*?)\s*$/.exec(line);
    return match ? [{ pid: Number(match[1]), args: match[2] ?? "" }] : [];
  });
}

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
