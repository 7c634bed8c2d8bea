import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";

/** What {@linkcode bundle} makes: every file by its URL path, and the path of each entry's file. */
export interface Bundles {
  files: Map<string, Uint8Array<ArrayBuffer>>;
  entries: string[];
}

/** Bundles modules for the browser. What they share, preact first of all, becomes a file of its own. */
export async function bundle(
  entries: URL[],
  { buildId, development }: { buildId: string; development: boolean },
): Promise<Bundles> {
  try {
    const { outputFiles, metafile } = await esbuild.build({
      entryPoints: entries.map((url, i) => ({ in: fileURLToPath(url), out: String(i) })),
      entryNames: "[name]-[hash]",
      chunkNames: "shared-[hash]",
      outdir: ".",
      write: false,
      metafile: true,
      bundle: true,
      splitting: true,
      format: "esm",
      target: ["chrome99", "firefox99", "safari15"],
      jsx: "automatic",
      jsxImportSource: "preact",
      tsconfigRaw: {},
      minify: !development,
      sourcemap: development && "inline",
      legalComments: "none",
      define: { "process.env.NODE_ENV": development ? '"development"' : '"production"' },
      plugins: [importMapPlugin(buildId)],
    });
    const toUrlPath = (path: string) => "/_fresh/js/" + path.replace(/^.*[\\/]/s, "");
    const bundles: Bundles = { files: new Map(), entries: [] };
    for (const { path, contents } of outputFiles) {
      bundles.files.set(toUrlPath(path), Uint8Array.from(contents));
    }
    for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
      const url = toUrlPath(path);
      if (entryPoint) bundles.entries[parseInt(url.slice("/_fresh/js/".length))] = url;
    }
    return bundles;
  } finally {
    // Ends esbuild's own process.
    await esbuild.stop();
  }
}

/** Resolves names as Deno does, by the import map: one preact for the islands and for every package they use. */
function importMapPlugin(buildId: string): esbuild.Plugin {
  return {
    name: "import-map",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, async ({ path, kind }) => {
        return kind === "entry-point" ? undefined : { path: fileURLToPath(await resolvePackage(path)) };
      });
      build.onLoad({ filter: /[\\/]fresh[\\/]build_id\.ts$/ }, () => ({
        contents: `export const BUILD_ID = ${JSON.stringify(buildId)};`,
      }));
    },
  };
}

async function resolvePackage(specifier: string): Promise<string> {
  const url = import.meta.resolve(specifier);
  if (url.startsWith("file:")) return url;
  // An npm package has a place on disk once it was imported. One made for browsers alone may well throw here.
  await import(specifier).catch(() => {});
  return import.meta.resolve(specifier);
}
