/**
 * Builds the program's pages, and serves them while they are being worked on.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { App, setSnapshot } from "./app.ts";
import { collect } from "./collect.ts";
import { type Handler, listen, type ListenOptions } from "./handle.ts";
import { ALIVE_PATH } from "./render.ts";
import { toIslands } from "./snapshot.ts";
import { writeBuild } from "./write.ts";

/** What `new Builder()` takes. */
export interface BuildOptions {
  /** The folder with `main.ts`, `routes/`, `islands/` and `static/`. Default: the current one. */
  root?: string;
  /** Where {@linkcode Builder.build} writes to, from `root`. Default: `_fresh`. */
  outDir?: string;
}

/** Builds the pages of a program, or serves them in development. */
export class Builder {
  #root: URL;
  #outDir: URL;

  constructor({ root = ".", outDir = "_fresh" }: BuildOptions = {}) {
    this.#root = pathToFileURL(resolve(root) + "/");
    this.#outDir = pathToFileURL(resolve(root, outDir) + "/");
  }

  /** Writes the build: browser bundles, `snapshot.js`, and `server.js` with `{ fetch }` as default export. */
  async build(): Promise<void> {
    await writeBuild(this.#root, this.#outDir, await collect(this.#root, false));
  }

  /**
   * Serves the app in development. Run it with `deno run --watch`: whenever a file changes the process starts anew, and
   * the pages that are open in a browser notice and reload.
   */
  async listen<State>(
    importApp: () => Promise<{ app: App<State> } | App<State>>,
    options: ListenOptions = {},
  ): Promise<void> {
    const imported = await importApp();
    const app = imported instanceof App ? imported : imported.app;
    const build = await collect(this.#root, true);
    const revision = crypto.randomUUID();
    const load = async <T extends { url: URL }>(f: T) => ({ ...f, module: await import(f.url.href) });
    const routes = await Promise.all(build.routes.map(load));
    const islands = toIslands(await Promise.all(build.islands.map(load)));
    setSnapshot(app, { ...build, routes, islands, revision });
    await listen(withAlive(app.handler(), app.config.basePath + ALIVE_PATH, revision), options);
  }
}

/** Tells every open page, on each of its connections, which start of the server it talks to. */
function withAlive(handler: Handler, path: string, revision: string): Handler {
  return (req, info) => {
    if (new URL(req.url).pathname !== path) return handler(req, info);
    const body = new ReadableStream({
      start: (stream) => stream.enqueue(new TextEncoder().encode(`retry: 300\ndata: ${revision}\n\n`)),
    });
    return Promise.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
  };
}
