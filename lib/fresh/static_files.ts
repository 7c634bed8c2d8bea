import type { Middleware } from "./define.ts";
import { BUILD_ID } from "./shared.ts";
import { snapshot } from "./snapshot.ts";

const TYPES: Record<string, string> = { css: "text/css", js: "text/javascript", svg: "image/svg+xml" };

/**
 * Serves the files of `static/` and the built scripts, from the build's own list: a path that is not on it is none of
 * its business. A URL that carries the build's id, or a script's with its hash, may be cached for ever.
 */
export function staticFiles<State>(): Middleware<State> {
  return async ({ req, url, config, next }) => {
    const path = url.pathname.slice(config.basePath.length);
    const file = snapshot.files.get(path);
    if (!file) return await next();
    if (req.method !== "GET" && req.method !== "HEAD") {
      return new Response("Method Not Allowed", { status: 405 });
    }
    const id = url.searchParams.get("__frsh_c");
    if (id !== null && id !== BUILD_ID) {
      // A page of an older build: what it asks for must not be cached under that build's name.
      url.searchParams.delete("__frsh_c");
      return new Response(null, { status: 307, headers: { location: url.pathname + url.search } });
    }
    const isLasting = id !== null || path.startsWith("/_fresh/js/");
    const headers = {
      "Content-Type": TYPES[path.replace(/^.*\./, "")] ?? "application/octet-stream",
      "Cache-Control": isLasting ? "public, max-age=31536000, immutable" : "no-cache",
      "ETag": `W/"${file.hash}"`,
    };
    const isKnown = req.headers.get("if-none-match")?.includes(`"${file.hash}"`);
    if (isKnown) return new Response(null, { status: 304, headers });
    const body = file.source instanceof URL ? await Deno.readFile(file.source) : file.source;
    return new Response(body, { headers: { ...headers, "Content-Length": String(body.byteLength) } });
  };
}
