import { build, type Plugin, stop } from "esbuild";
import { fileURLToPath } from "node:url";

/** Modules by their paths in the program, without the extension. */
export type Modules = [id: string, url: URL][];

/** Makes one script for the browser: islands, and what starts them. */
export async function bundle(islands: Modules, minify: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const contents = `import { boot } from ${JSON.stringify(import.meta.resolve("./client.ts"))};
${importCode(islands, (url) => url.href)}export default (json) => boot(modules, json);`;
  const { outputFiles: [script] } = await build({
    stdin: { contents },
    write: false,
    bundle: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    minify,
    plugins: [importMap],
  }).finally(stop); // Ends esbuild's own process.
  return Uint8Array.from(script?.contents ?? []);
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
