/**
 * Writes `dist/tailpost`, the whole program in one file: code, pages, migrations and PostgreSQL. It compiles for the
 * platform it runs on, with the `deno` that runs it or with that of DENO_COMPILE.
 *
 * @module
 */
import { basename, join } from "node:path";
import config from "./deno.json" with { type: "json" };
import { packageName, packageVersion } from "./lib/embedded_postgres/_binaries.ts";

const here = import.meta.dirname ?? ".";
const deno = Deno.env.get("DENO_COMPILE") || Deno.execPath();
const target = join(here, "dist", "tailpost");

/**
 * What the program may do. Files and addresses are the user's choice; of the system it asks for the account it runs as. It starts
 * PostgreSQL with LD_LIBRARY_PATH, which Deno allows only to programs that may run anything. Not among them: FFI, workers'
 * and modules' imports from elsewhere, and what else the system tells.
 */
const PERMISSIONS = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys=uid",
  "--no-prompt",
];

/** Files that no import names. The build is one of them: it is not there before it is made. */
const INCLUDED = ["_fresh", "static", "migrations"];

/** The versions that the tests run with. */
const lock: { readonly specifiers: Record<string, string>; readonly npm: Record<string, unknown> } = JSON
  .parse(
    await Deno.readTextFile(join(here, "deno.lock")),
  );

/** What `deno info --json` tells of a program. */
interface Info {
  readonly npmCache?: string;
  readonly modules?: readonly { readonly dependencies?: readonly { readonly specifier: string }[] }[];
  readonly npmPackages?: Readonly<Record<string, NpmPackage>>;
}

interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly registryUrl?: string;
}

/** Ends the program with a line that says why. */
class CompileError extends Error {}

if (import.meta.main) {
  try {
    if (Deno.args.length > 0) throw new CompileError(`Cannot compile: it takes no arguments`);
    await compile();
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    say(error.message);
    Deno.exit(1);
  }
}

async function compile(): Promise<void> {
  const started = performance.now();
  await Deno.mkdir(join(here, "dist"), { recursive: true });
  // Inside the project: the program finds its modules by paths that are relative to its configuration
  const folder = await Deno.makeTempDir({ dir: join(here, "dist"), prefix: ".compile-" });
  try {
    await Deno.copyFile(join(here, "deno.lock"), join(folder, "deno.lock"));
    const graph = await info(["--lock", join(folder, "deno.lock"), "_fresh/server.js"]);
    const configFile = join(folder, "deno.json");
    const program = join(folder, basename(target));
    await Deno.writeTextFile(configFile, JSON.stringify(runtimeConfig(graph)));
    const packages = await carriedPackages(configFile);
    say(`Compiling with ${packages.length} npm packages and PostgreSQL ${packageVersion()}`);
    await runCompile([
      ...["--config", configFile, "--no-lock", "--no-check", ...PERMISSIONS],
      // In the shared temporary folder under a name that anyone can guess, from where code would be run
      "--no-code-cache",
      ...INCLUDED.flatMap((path) => ["--include", path]),
      ...["--include", `npm:${packageName(Deno.build)}@${packageVersion()}`],
      ...(await testFolders(packages)).flatMap((path) => ["--exclude", path]),
      ...["--output", program, "main.ts"],
    ]);
    await verify(program);
    await Deno.rename(program, target);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const { size } = await Deno.stat(target);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`Wrote ${target}: ${(size / 1e6).toFixed(1)} MB, version ${config.version}, in ${seconds} s`);
}

async function verify(program: string): Promise<void> {
  const { text } = await output(program, ["--version"]);
  if (text.trim() === config.version) return;
  const [line = ""] = text.trim().split("\n");
  throw new CompileError(
    `Cannot compile: the program does not start (${line}). DENORT_BIN must be of the same version as ${deno}`,
  );
}

/**
 * The project's configuration with only those imports that the program itself has, in the versions of deno.lock: Deno
 * puts all packages of a configuration into a program, those for development and tests too. (`--exclude-unused-npm`
 * does the like, from Deno 2.9 on.)
 */
function runtimeConfig(graph: Info): unknown {
  const used = new Set(
    graph.modules?.flatMap(({ dependencies = [] }) => dependencies.map((d) => d.specifier)),
  );
  const imports = Object.entries(config.imports as Record<string, string>)
    .filter(([name]) => used.has(name))
    .map(([name, to]) => {
      const [, requirement, packageName, path = ""] = /^(npm:(@?[^@]+)@[^/]+)(\/.*)?$/.exec(to) ?? [];
      if (!requirement) return [name, `../../${to.replace(/^\.\//, "")}`];
      // After the underscore: how Deno resolved its peers
      const version = lock.specifiers[requirement]?.replace(/_.*/, "");
      if (!version) {
        throw new CompileError(`Cannot compile: ${requirement} is not in deno.lock. Run deno install`);
      }
      return [name, `npm:${packageName}@${version}${path}`];
    });
  if (imports.length === 0) {
    throw new CompileError("Cannot compile: the pages are not built. Run deno task build");
  }
  const { compilerOptions, nodeModulesDir } = config;
  return { compilerOptions, nodeModulesDir, imports: Object.fromEntries(imports) };
}

/** The npm packages that the program carries, PostgreSQL aside. They are those of deno.lock, or it says so. */
async function carriedPackages(configFile: string): Promise<readonly NpmPackage[]> {
  const { npmPackages = {} } = await info(["--config", configFile, "--no-lock", "_fresh/server.js"]);
  const locked = new Set(Object.keys(lock.npm).map((id) => id.replace(/(?<=.@[^_]+)_.*/, "")));
  const packages = Object.values(npmPackages);
  for (const { name, version } of packages) {
    // Deno's own: types, of which nothing runs
    if (locked.has(`${name}@${version}`) || /^@types\/|^undici-types$/.test(name)) continue;
    say(`Mind that ${name}@${version} is newer than in deno.lock, so no test has run with it`);
  }
  return packages;
}

/**
 * Folders with the packages' own tests. Not only for their size: Deno takes every file for a program, and runs out of
 * stack on a list of 100,000 numbers (https://github.com/denoland/deno/issues/36746).
 */
async function testFolders(packages: readonly NpmPackage[]): Promise<readonly string[]> {
  const { npmCache = "" } = await info([]);
  const found: string[] = [];
  for (const { name, version, registryUrl = "https://registry.npmjs.org/" } of packages) {
    const { host, pathname } = new URL(registryUrl);
    const path = join(npmCache, host.replace(":", "_PORT"), pathname, name, version, "test");
    if (await Deno.stat(path).catch(() => undefined)) found.push(path);
  }
  return found;
}

async function info(args: readonly string[]): Promise<Info> {
  const { success, text } = await output(deno, ["info", "--json", ...args]);
  if (!success) throw new CompileError(`Cannot compile: deno info failed: ${text.trim()}`);
  return JSON.parse(text) as Info;
}

/** Runs a program, and gives what it wrote to standard output, or to standard error when it failed. */
async function output(
  command: string,
  args: readonly string[],
): Promise<{ readonly success: boolean; readonly text: string }> {
  const run = new Deno.Command(command, {
    args: [...args],
    cwd: here,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { success, stdout, stderr } = await run.output();
  return { success, text: new TextDecoder().decode(success ? stdout : stderr) };
}

/** Runs `deno compile`. Its own lines are shown when it fails; before, only what it downloads is. */
async function runCompile(args: readonly string[]): Promise<void> {
  const child = new Deno.Command(deno, {
    args: ["compile", ...args],
    cwd: here,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).spawn();
  let told = "";
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    for (const line of chunk.split("\n")) if (line.startsWith("Download ")) say(line);
    told += chunk;
  }
  const { success } = await child.status;
  if (success) return;
  say(told.replace(/^[^]*?(?=^error:)/m, "").replace(/\n*Stack backtrace:[^]*/, "").trim());
  throw new CompileError(
    /denort|dl\.deno\.land/.test(told)
      ? "Cannot compile: Deno's run-time stub (denort) cannot be downloaded. Set DENORT_BIN to a denort of the same " +
        `version as ${deno}, or compile on a machine that reaches dl.deno.land`
      : "Cannot compile: deno compile failed",
  );
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}
