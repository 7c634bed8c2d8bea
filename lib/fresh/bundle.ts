import { build, type Plugin, stop } from "esbuild";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** Modules by their paths in the program, without the extension. */
export type Modules = [id: string, url: URL][];

/** Scripts for the browser: the one that pages begin with, and those that it imports when it needs them, by name. */
export interface Bundle {
  readonly entry: Uint8Array<ArrayBuffer>;
  readonly chunks: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Bundles islands, and what starts them. What they import by `import()` becomes a script of its own, in the same folder. */
export async function bundle(islands: Modules, minify: boolean): Promise<Bundle> {
  const contents = `import { boot } from ${JSON.stringify(import.meta.resolve("./client.ts"))};
${importCode(islands, (url) => url.href)}export default (json) => boot(modules, json);`;
  const { outputFiles } = await build({
    stdin: { contents },
    write: false,
    bundle: true,
    splitting: true,
    outdir: "/",
    chunkNames: "chunk-[hash]",
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    minify,
    plugins: [importMap],
  }).finally(stop); // Ends esbuild's own process.
  const scripts = new Map(
    outputFiles.map(({ path, contents }) => [basename(path), Uint8Array.from(contents)]),
  );
  const entry = scripts.get("stdin.js") ?? new Uint8Array();
  scripts.delete("stdin.js");
  return { entry, chunks: scripts };
}

/** Code that imports modules, by what `toName` makes of their URLs, and puts them into an object `modules`. */
export function importCode(modules: Modules, toName: (url: URL) => string): string {
  const imports = modules.map(([, url], i) => `import * as m${i} from ${JSON.stringify(toName(url))};\n`);
  const properties = modules.map(([id], i) => `  ${JSON.stringify(id)}: m${i},\n`);
  return `${imports.join("")}const modules = {\n${properties.join("")}};\n`;
}

/** Resolves names as Deno does, by the import map: one preact for the islands and for every package they use. */
const importMap: Plugin = {
  name: "import-map",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path }) => {
      // An npm package is on disk once it was imported (Deno 2.4 names its place before). One for browsers may throw.
      if (!path.startsWith("file:")) await import(path).catch(() => {});
      return { path: fileURLToPath(import.meta.resolve(path)) };
    });
  },
};
