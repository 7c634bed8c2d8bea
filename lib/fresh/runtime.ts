/** What pages and islands import, on the server and in the browser. @module */
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { BUILD_ID, HeadContext } from "./shared.ts";

/** Whether this code runs in a browser. */
export const IS_BROWSER: boolean = typeof document !== "undefined";

/** Adds the build's id to the path of a static file, so that it may be cached for ever. Other URLs stay as they are. */
export function asset(path: string): string {
  if (!path.startsWith("/") || path.startsWith("//")) return path;
  const url = new URL(path, "http://asset.invalid");
  url.searchParams.set("__frsh_c", BUILD_ID);
  return url.pathname + url.search + url.hash;
}

/** Moves its children into the page's `<head>` on the server. A `<title>` takes the place of the app wrapper's. */
export function Head({ children }: { children?: ComponentChildren }): null {
  useContext(HeadContext)(children);
  return null;
}
