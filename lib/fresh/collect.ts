import { createHash } from "node:crypto";
import { bundle } from "./bundle.ts";
import type { StaticFile } from "./snapshot.ts";

/** A module of `routes/` or `islands/`, and for an island the URL path of its bundle. */
export interface SourceFile {
  id: string;
  url: URL;
  file: string;
}

/** Everything that a build consists of, before its modules are imported. */
export interface Build {
  buildId: string;
  client: string;
  routes: SourceFile[];
  islands: SourceFile[];
  files: Map<string, StaticFile>;
}

/** Reads the folders of a program and bundles its islands. */
export async function collect(root: URL, development: boolean): Promise<Build> {
  const files = new Map<string, StaticFile>();
  for await (const { path, url } of walk(new URL("static/", root))) {
    const key = path.split("/").map(encodeURIComponent).join("/");
    files.set(key, { ...describe(path, await Deno.readFile(url)), source: url });
  }
  // Bundles are named by their own content, so only static files need the build's id to be told apart.
  const buildId = hash(JSON.stringify([...files].map(([path, file]) => [path, file.hash])));
  const routes = await Array.fromAsync(modules(new URL("routes/", root)));
  const islands = await Array.fromAsync(modules(new URL("islands/", root)));
  const entries = [new URL(import.meta.resolve("./client.ts")), ...islands.map(({ url }) => url)];
  const bundles = await bundle(entries, { buildId, development });
  for (const [path, bytes] of bundles.files) files.set(path, { ...describe(path, bytes), immutable: true });
  const [client = "", ...paths] = bundles.entries;
  islands.forEach((island, i) => island.file = paths[i] ?? "");
  return { buildId, client, routes, islands, files };
}

async function* modules(folder: URL): AsyncGenerator<SourceFile> {
  for await (const { path, url } of walk(folder)) {
    if (!/\.[tj]sx?$/.test(path) || /[._]test\.\w+$/.test(path)) continue;
    yield { id: path.replace(/\.\w+$/, ""), url, file: "" };
  }
}

/** Finds the files below a folder, if there is one, in a fixed order. Hidden ones are left out (but see RFC 8615). */
async function* walk(folder: URL, path = "/"): AsyncGenerator<{ path: string; url: URL }> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (name.startsWith(".") && name !== ".well-known") continue;
    if (isDirectory) yield* walk(new URL(`${encodeURIComponent(name)}/`, folder), `${path}${name}/`);
    else yield { path: path + name, url: new URL(encodeURIComponent(name), folder) };
  }
}

// deno-fmt-ignore
const TYPES: Record<string, string> = {
  css: "text/css", html: "text/html", ico: "image/x-icon", jpg: "image/jpeg", js: "text/javascript",
  json: "application/json", png: "image/png", svg: "image/svg+xml", txt: "text/plain", webp: "image/webp",
  webmanifest: "application/manifest+json", woff2: "font/woff2",
};

function describe(path: string, bytes: Uint8Array<ArrayBuffer>): StaticFile {
  const type = TYPES[path.slice(path.lastIndexOf(".") + 1).toLowerCase()] ?? "application/octet-stream";
  const contentType = type.startsWith("text/") ? `${type}; charset=utf-8` : type;
  return { source: bytes, hash: hash(bytes), contentType, immutable: false };
}

function hash(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}
