import type { ComponentType } from "preact";

/** A component that the browser hydrates: its name in `file`, which is the URL path of a bundle. */
export interface Island {
  name: string;
  exportName: string;
  file: string;
}

/** A file that `staticFiles()` serves. `source` is where its bytes are, or they themselves. */
export interface StaticFile {
  source: URL | Uint8Array<ArrayBuffer>;
  hash: string;
  contentType: string;
  immutable: boolean;
}

/** A module of `routes/` or `islands/`. `id` is its path below that folder, without the extension: `/api/logs`. */
export interface ImportedFile {
  id: string;
  module: Record<string, unknown>;
}

/** Everything that the build found out, so that serving crawls no folder. */
export interface Snapshot {
  buildId: string;
  /** The URL path of the bundle that hydrates islands. */
  client: string;
  routes: ImportedFile[];
  islands: Map<ComponentType, Island>;
  files: Map<string, StaticFile>;
  /** In development, a text that is new with every start of the server. */
  revision?: string;
}

/** Makes the map of islands: every function that a module of `islands/` exports is one. */
export function toIslands(files: (ImportedFile & { file: string })[]): Map<ComponentType, Island> {
  const islands = new Map<ComponentType, Island>();
  for (const { id, module, file } of files) {
    for (const [exportName, value] of Object.entries(module)) {
      const name = exportName === "default" ? id.slice(1) : exportName;
      if (typeof value === "function") islands.set(value as ComponentType, { name, exportName, file });
    }
  }
  return islands;
}
