import { BUILD_ID } from "./build_id.ts";
import { internalsOf } from "./context.ts";
import type { Middleware } from "./types.ts";

/**
 * Serves the files of `static/` and the built bundles, from the build's own list: a path that is not on it is none of
 * its business. A URL that carries the build's id, or a bundle's with its hash, may be cached for ever.
 */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const { req, url, config } = ctx;
    const path = normalise(url.pathname.slice(config.basePath.length));
    const file = path === null ? undefined : internalsOf(ctx).snapshot.files.get(path);
    if (!file) return path === "/favicon.ico" ? new Response(null, { status: 404 }) : await ctx.next();
    if (req.method !== "GET" && req.method !== "HEAD") {
      return new Response("Method Not Allowed", { status: 405, headers: { Allow: "GET, HEAD" } });
    }

    const id = url.searchParams.get("__frsh_c");
    if (id !== null && id !== BUILD_ID) {
      // A page of an older build: what it asks for must not be cached under that build's name.
      url.searchParams.delete("__frsh_c");
      return new Response(null, { status: 307, headers: { location: url.pathname + url.search } });
    }
    const headers = new Headers({ "Content-Type": file.contentType, "Vary": "If-None-Match" });
    const lasting = config.mode === "production";
    headers.set(
      "Cache-Control",
      lasting && (id !== null || file.immutable) ? "public, max-age=31536000, immutable" : "no-cache",
    );
    if (lasting) {
      headers.set("ETag", `W/"${file.hash}"`);
      const known = req.headers.get("if-none-match")?.split(",") ?? [];
      if (known.some((etag) => etag.trim().replace(/^W\//, "") === `"${file.hash}"`)) {
        return new Response(null, { status: 304, headers });
      }
    }
    const body = file.source instanceof URL ? await Deno.readFile(file.source) : file.source;
    headers.set("Content-Length", String(body.byteLength));
    return new Response(body, { headers });
  };
}

/** The path as the build wrote it down, whichever way its characters were escaped. Null if they can not be. */
function normalise(path: string): string | null {
  try {
    return "/" +
      decodeURIComponent(path).split("/").filter((part) => part !== "").map(encodeURIComponent).join("/");
  } catch {
    return null;
  }
}
