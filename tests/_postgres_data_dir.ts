import { statfsSync } from "node:fs";
import { join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from "../lib/embedded_postgres.ts";

/** A throw-away data directory. */
export interface TestDataDir extends AsyncDisposable {
  /** For `startEmbeddedPostgres()`. */
  readonly options: EmbeddedPostgresOptions & { readonly binDir: string };
}

/**
 * Makes a data directory, with a cluster unless `empty`. Dispose of it, or let the process end in whatever way, and what
 * runs on it is killed and its files are removed.
 */
export async function testDataDir({ empty = false } = {}): Promise<TestDataDir> {
  const template = await (templatePromise ??= findTemplate());
  const files = await temporary(await Deno.makeTempDir({ dir: quickDir(), prefix: "tailpost-test-" }));
  if (!empty) await copy(join(template.folder, "cluster"), files.path);
  return {
    options: { dataDir: files.path, binDir: template.binDir, settings: THROW_AWAY },
    [Symbol.asyncDispose]: files.remove,
  };
}

/** Safe against the death of any process, not against that of the machine. Its shared memory goes with its files. */
const THROW_AWAY = { fsync: "off", full_page_writes: "off", dynamic_shared_memory_type: "mmap" };

const QUICK_DIR_BYTES = 4 * 1024 ** 3;

/** Where the thousand files of a cluster are made quickest: in memory, when there is plenty and TMPDIR is not set. */
function quickDir(): string {
  const chosen = Deno.env.get("TMPDIR");
  if (chosen) return chosen;
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    return bavail * bsize > QUICK_DIR_BYTES ? "/dev/shm" : "/tmp";
  } catch {
    return "/tmp";
  }
}

/** A cluster that was never used, copied for each server: initdb takes longer than everything else. */
interface Template {
  readonly folder: string;
  readonly binDir: string;
}

let templatePromise: Promise<Template> | undefined;

async function findTemplate(): Promise<Template> {
  const binDir = Deno.env.get("PG_BINDIR");
  const root = join(Deno.env.get("TMPDIR") ?? "/tmp", `tailpost-tests-${Deno.uid() ?? 0}`);
  await Deno.mkdir(root, { recursive: true, mode: 0o711 });
  // Anyone can make that folder before us, and programs are run from it
  if ((await Deno.lstat(root)).uid !== Deno.uid()) throw new Error(`${root} is another user's`);
  const folder = join(root, `template-${await templateKey(binDir)}`);
  return await readTemplate(folder, binDir) ?? await makeTemplate(root, folder, binDir);
}

async function makeTemplate(root: string, folder: string, binDir: string | undefined): Promise<Template> {
  await removeUnused(root);
  const files = await temporary(await Deno.makeTempDir({ dir: root, prefix: "unfinished-" }));
  const options = { dataDir: files.path, settings: THROW_AWAY, ...(binDir ? { binDir } : {}) };
  const server = await startEmbeddedPostgres(options);
  await server.stop();
  // Fails when another process has made the same one meanwhile: then that one serves
  await Deno.rename(files.path, folder).catch(() => {});
  await files.remove();
  const made = await readTemplate(folder, binDir);
  if (!made) throw new Error(`Cannot make the template of test clusters in ${folder}`);
  return made;
}

async function readTemplate(folder: string, binDir: string | undefined): Promise<Template | undefined> {
  try {
    await Deno.utime(folder, new Date(), new Date());
    for await (const { name } of Deno.readDir(folder)) {
      if (binDir) return { folder, binDir };
      if (name.startsWith("postgresql-")) return { folder, binDir: join(folder, name, "bin") };
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

/** Removes the templates that nobody has used for a day. */
async function removeUnused(root: string): Promise<void> {
  for await (const { name } of Deno.readDir(root)) {
    const { mtime } = await Deno.stat(join(root, name));
    if (mtime && Date.now() - mtime.getTime() > 86_400_000) {
      await Deno.remove(join(root, name), { recursive: true });
    }
  }
}

/** Changes with everything that the template depends on. */
async function templateKey(binDir: string | undefined): Promise<string> {
  const parts = [binDir ? await programVersion(binDir) : config.imports["embedded-postgres"]];
  for (const file of ["_cluster.ts", "_binaries.ts"]) {
    parts.push(await Deno.readTextFile(new URL(`../lib/embedded_postgres/${file}`, import.meta.url)));
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(parts.join("\0")));
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function programVersion(binDir: string): Promise<string> {
  const { stdout } = await new Deno.Command(join(binDir, "postgres"), { args: ["--version"] }).output();
  return `${binDir} ${new TextDecoder().decode(stdout)}`;
}

/** Copies with owners and permissions: as root, the cluster is another account's. */
async function copy(from: string, to: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("cp", { args: ["-a", from, to] }).output();
  if (!success) throw new Error(`Cannot copy ${from}: ${new TextDecoder().decode(stderr)}`);
}

// Waits until its standard input ends, which it does with this process at the latest. Then it kills the server, if there
// is one, and removes the files, as often as a process that is just ending makes new ones.
const JANITOR = `
trap '' HUP INT TERM
read -r _
pid=$(head -n 1 "$1/cluster/data/postmaster.pid") && kill -QUIT "$pid"
i=0
while [ -e "$1" ] && [ $i -lt 200 ]; do rm -rf -- "$1" || sleep 0.05; i=$((i + 1)); done
`;

/** Makes a folder go at the end, and lets the account that PostgreSQL runs as enter it. */
async function temporary(path: string): Promise<{ path: string; remove(): Promise<void> }> {
  const janitor = new Deno.Command("/bin/sh", {
    args: ["-c", JANITOR, "tailpost-test-janitor", path],
    // Ctrl-C is for this process alone
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await Deno.chmod(path, 0o711);
  return {
    path,
    async remove() {
      await janitor.stdin.close();
      await janitor.status;
    },
  };
}
