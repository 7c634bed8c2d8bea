import { relative } from "node:path/posix";
import type { Build } from "./collect.ts";

/**
 * Writes a build: its bundles, `snapshot.js`, and `server.js` whose default export is `{ fetch }`. They name all that
 * they import by literal, relative paths, so that `deno compile` finds it. The folder is made beside `outDir` and then
 * takes its place, so nobody meets half a build.
 */
export async function writeBuild(root: URL, outDir: URL, build: Build): Promise<void> {
  const temporary = new URL(`${outDir.href.slice(0, -1)}.${crypto.randomUUID()}/`);
  const old = new URL(`${outDir.href.slice(0, -1)}.${crypto.randomUUID()}/`);
  await Deno.mkdir(new URL("js/", temporary), { recursive: true });
  try {
    for (const [path, { source }] of build.files) {
      if (!(source instanceof URL)) await Deno.writeFile(new URL(bundlePath(path), temporary), source);
    }
    const pathTo = (url: string) => JSON.stringify("./" + relative(outDir.pathname, new URL(url).pathname));
    await Deno.writeTextFile(new URL("snapshot.js", temporary), snapshotModule(build, pathTo));
    await Deno.writeTextFile(
      new URL("server.js", temporary),
      `import { setSnapshot } from ${pathTo(import.meta.resolve("./app.ts"))};
import { app } from ${pathTo(new URL("main.ts", root).href)};
import snapshot from "./snapshot.js";

setSnapshot(app, snapshot);
export default { fetch: app.handler() };
`,
    );
    await Deno.rename(outDir, old).catch(ignoreMissing);
    await Deno.rename(temporary, outDir);
  } finally {
    for (const folder of [temporary, old]) {
      await Deno.remove(folder, { recursive: true }).catch(ignoreMissing);
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Where a bundle lies in the build's folder. */
function bundlePath(path: string): string {
  return "./js/" + path.slice(path.lastIndexOf("/") + 1);
}

function snapshotModule(
  { buildId, client, routes, islands, files }: Build,
  pathTo: (url: string) => string,
): string {
  const quote = JSON.stringify;
  const imports: string[] = [];
  const list = (kind: string, sources: Build["routes"]) =>
    sources.map(({ id, url, file }, i) => {
      imports.push(`import * as ${kind}${i} from ${pathTo(url.href)};\n`);
      return `  { id: ${quote(id)}, file: ${quote(file)}, module: ${kind}${i} },\n`;
    }).join("");
  const fileList = [...files].map(([path, { source, ...rest }]) => {
    const from = source instanceof URL ? pathTo(source.href) : quote(bundlePath(path));
    return `  [${quote(path)}, { source: new URL(${from}, import.meta.url), ...${quote(rest)} }],\n`;
  });
  const text = `
const routes = [\n${list("route", routes)}];
const islands = toIslands([\n${list("island", islands)}]);
const files = new Map([\n${fileList.join("")}]);
export default { buildId: ${quote(buildId)}, client: ${quote(client)}, routes, islands, files };
`;
  return `import { toIslands } from ${pathTo(import.meta.resolve("./snapshot.ts"))};\n${
    imports.join("")
  }${text}`;
}
