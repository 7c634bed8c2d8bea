import type { ComponentType } from "preact";
import { setBuildId } from "./shared.ts";

/** Everything that the build found out, so that serving crawls no folder. */
export interface Snapshot {
  mode: "development" | "production";
  /** Names the build. */
  id: string;
  /** The URL path of the script that hydrates islands. */
  script: string;
  /** Islands and routes by their path without the extension, such as `routes/api/logs/[id]`. */
  modules: Record<string, Record<string, unknown>>;
  /** By URL path what `staticFiles()` serves. `source` is where the bytes are, or they themselves. */
  files: Map<string, { source: URL | Uint8Array<ArrayBuffer>; hash: string }>;
}

/** The build that this process serves. */
export let snapshot: Snapshot = { mode: "production", id: "", script: "", modules: {}, files: new Map() };

/** The components that the browser hydrates, with the module and the export they are. */
export const islands: Map<ComponentType, [id: string, name: string]> = new Map();

/** Takes over a build. Whatever handler is made from now on serves it. */
export function setSnapshot(next: Snapshot): void {
  snapshot = next;
  setBuildId(next.id);
  for (const [id, module] of Object.entries(next.modules)) {
    if (!id.startsWith("islands/")) continue;
    for (const [name, value] of Object.entries(module)) islands.set(value as ComponentType, [id, name]);
  }
}
