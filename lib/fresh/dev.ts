/** Builds the program's pages, and serves them while they are being worked on. @module */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, posix, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { App, ListenOptions } from "./app.ts";
import { bundle, importCode, type Modules } from "./bundle.ts";
import { ALIVE_PATH } from "./render.ts";
import { setSnapshot, type Snapshot } from "./snapshot.ts";

/** Builds the pages of a program, or serves them in development. */
export class Builder {
  readonly #root: string;
  readonly #outDir: string;

  /** `root` is the program's folder, by default the current one. The build goes to `outDir` in there. */
  constructor({ root = ".", outDir = "_fresh" }: { root?: string; outDir?: string } = {}) {
    this.#root = resolve(root);
    this.#outDir = resolve(root, outDir);
  }

  /** Writes the build: the browser's scripts, `snapshot.js`, and `server.js` with `{ fetch }` as default export. */
  async build(): Promise<void> {
    const { modules, files, ...rest } = await this.#collect("production");
    // Relative paths, written as literals, let `deno compile` find what they name.
    const outDir = pathToFileURL(this.#outDir).pathname;
    const pathTo = (url: URL | string) => "./" + posix.relative(outDir, new URL(url).pathname);
    const quote = JSON.stringify;
    const fileList = [...files].map(([path, { source, hash }]) => {
      const from = source instanceof URL ? pathTo(source) : `./js/${basename(path)}`;
      return `  [${quote(path)}, { source: new URL(${quote(from)}, import.meta.url), hash: "${hash}" }],\n`;
    });
    const snapshot = `import { setSnapshot } from ${quote(pathTo(import.meta.resolve("./snapshot.ts")))};
${importCode(modules, pathTo)}const files = new Map([\n${fileList.join("")}]);
setSnapshot({ ...${quote(rest)}, modules, files });
`;
    const server = `import "./snapshot.js";
import { app } from ${quote(pathTo(pathToFileURL(join(this.#root, "main.ts"))))};
export default { fetch: app.handler() };
`;
    // Made beside its place and then moved there, so that nobody meets half a build.
    const temporary = `${this.#outDir}.new`;
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(join(temporary, "js"), { recursive: true });
    for (const [path, { source }] of files) {
      if (!(source instanceof URL)) writeFileSync(join(temporary, "js", basename(path)), source);
    }
    writeFileSync(join(temporary, "snapshot.js"), snapshot);
    writeFileSync(join(temporary, "server.js"), server);
    rmSync(this.#outDir, { recursive: true, force: true });
    renameSync(temporary, this.#outDir);
  }

  /** Serves the app in development. Run it with `deno run --watch`: open pages notice the restart and reload. */
  async listen<State>(importApp: () => Promise<{ app: App<State> }>, options?: ListenOptions): Promise<void> {
    const { app } = await importApp();
    const build = await this.#collect("development");
    const modules = build.modules.map(async ([id, { href }]) => [id, await import(href)]);
    setSnapshot({ ...build, modules: Object.fromEntries(await Promise.all(modules)) });
    const retry = new TextEncoder().encode("retry: 300\n\n");
    app.get(ALIVE_PATH, () => {
      const body = new ReadableStream({ start: (stream) => stream.enqueue(retry) });
      return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    });
    await app.listen(options);
  }

  /** Reads the folders of the program and bundles its islands. */
  async #collect(mode: Snapshot["mode"]) {
    const files: Snapshot["files"] = new Map();
    const modules: Modules = [];
    const paths = ["islands", "routes", "static"].flatMap((folder) => filesIn(join(this.#root, folder)));
    for (const path of paths) {
      const url = pathToFileURL(path);
      const id = path.slice(this.#root.length + 1).replaceAll("\\", "/");
      const file = { source: url, hash: hash(readFileSync(url)) };
      if (id.startsWith("static/")) files.set(encodeURI(id.slice("static".length)), file);
      else if (/(?<![._]test)\.tsx?$/.test(id)) modules.push([id.replace(/\.\w+$/, ""), url]);
    }
    const islands = modules.filter(([id]) => id.startsWith("islands/"));
    const { entry, chunks } = await bundle(islands, mode === "production");
    const script = `/_fresh/js/islands-${hash(entry)}.js`;
    files.set(script, { source: entry, hash: hash(entry) });
    for (const [name, source] of chunks) files.set(`/_fresh/js/${name}`, { source, hash: hash(source) });
    const id = hash(JSON.stringify([...files].map(([path, { hash }]) => [path, hash])));
    return { mode, id, script, modules, files };
  }
}

/** The files of a folder, if there is one, in a fixed order. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
}

function hash(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}
