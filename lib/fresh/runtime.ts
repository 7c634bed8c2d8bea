/**
 * What pages and islands import, on the server and in the browser.
 *
 * @module
 */
import type { ComponentChildren } from "preact";
import { BUILD_ID } from "./build_id.ts";

/** Whether this code runs in a browser. */
export const IS_BROWSER: boolean = typeof document !== "undefined";

/** Adds the build's id to the path of a static file, so that it may be cached for ever. Other URLs stay as they are. */
export function asset(path: string): string {
  if (!path.startsWith("/") || path.startsWith("//")) return path;
  const url = new URL(path, "http://asset.invalid");
  if (url.searchParams.has("__frsh_c")) return path;
  url.searchParams.set("__frsh_c", BUILD_ID);
  return url.pathname + url.search + url.hash;
}

/** Props of {@linkcode Head}. */
export interface HeadProps {
  children?: ComponentChildren;
}

/**
 * Moves its children into the page's `<head>` on the server. A `<title>`, and any other element with the same `key` or
 * the same attributes (`content` and `href` aside), takes the place of the one in the app wrapper.
 */
export function Head(props: HeadProps): ComponentChildren {
  return IS_BROWSER ? null : props.children;
}
