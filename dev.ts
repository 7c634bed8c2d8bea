/**
 * Builds the pages (`dev.ts build`), builds them if that is needed (`dev.ts ensure`), or serves them with rebuild and
 * reload on every change (`dev.ts` under `deno run --watch`).
 *
 * @module
 */
import { Builder } from "fresh/dev";

/** What a build is made from, from this folder. A build older than any of it is out of date. */
const SOURCES = [
  "main.ts",
  "deno.json",
  "deno.lock",
  "lib/",
  "components/",
  "routes/",
  "islands/",
  "static/",
];

const here = new URL("./", import.meta.url);
const BUILT = new URL("_fresh/server.js", here);
const builder = new Builder({ root: import.meta.dirname ?? "." });

if (import.meta.main) {
  const [command = "serve"] = Deno.args;
  if (command === "build") await build(() => Promise.resolve(true));
  else if (command === "ensure") await build(isOutOfDate);
  else if (command === "serve") await serve();
  else {
    say(`Cannot run ${command}: use build, ensure or nothing`);
    Deno.exit(2);
  }
}

/** The program's own `serve` with pages that are built in memory: the same database, settings and services. */
async function serve(): Promise<void> {
  const { readConfig } = await import("./lib/config.ts");
  const { serve, urlOf } = await import("./lib/cli/serve.ts");
  await serve(readConfig({ auth: "off", migrate: "auto" }), {
    openFront: async ({ host, port }) => {
      await builder.listen(() => import("./main.ts"), { hostname: host, port });
      // It ends with the process.
      return { url: urlOf(host, port), renew: null, shutdown: () => Promise.resolve() };
    },
  });
  Deno.exit(0);
}

/** Writes the build. Whoever wants to at the same time waits, and calls `isNeeded` only then. */
async function build(isNeeded: () => Promise<boolean>): Promise<void> {
  using lock = await Deno.open(new URL("deno.json", here));
  await lock.lock(true);
  if (!await isNeeded()) return;
  const started = new Date();
  await builder.build();
  // Dated by its start, so that a file saved meanwhile is newer.
  await Deno.utime(BUILT, started, started);
}

/** Whether there is no build, or a source that is newer. */
async function isOutOfDate(): Promise<boolean> {
  const changes = await Promise.all(SOURCES.map((source) => lastChange(new URL(source, here))));
  if (await modified(BUILT) > Math.max(...changes)) return false;
  say("Building the pages");
  return true;
}

/** When a file, or anything below a folder, was last changed, in epoch milliseconds. 0 if it is not there. */
async function lastChange(url: URL): Promise<number> {
  let last = await modified(url);
  if (!url.pathname.endsWith("/") || last === 0) return last;
  for await (const { name, isDirectory } of Deno.readDir(url)) {
    last = Math.max(
      last,
      await lastChange(new URL(encodeURIComponent(name) + (isDirectory ? "/" : ""), url)),
    );
  }
  return last;
}

async function modified(url: URL): Promise<number> {
  try {
    return (await Deno.stat(url)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}
