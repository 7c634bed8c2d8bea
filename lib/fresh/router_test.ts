import assert from "node:assert/strict";
import { compareRoutes, fileToPattern, joinPath, Router } from "./router.ts";

Deno.test("fileToPattern() makes a URLPattern pathname of a file's path", () => {
  const cases = {
    "/index": "/",
    "/logs/index": "/logs",
    "/api/logs/[id]": "/api/logs/:id",
    "/files/[...path]": "/files/:path*",
    "/(all)/index": "/",
    "/(all)/logs/(live)/x": "/logs/x",
    "/[from]-[to]": "/:from-:to",
  };
  for (const [id, pattern] of Object.entries(cases)) assert.equal(fileToPattern(id), pattern);
});

Deno.test("compareRoutes() puts literals before parameters, and those before the rest of a path", () => {
  const order = ["/a/b", "/a/index", "/a/[id]/x", "/a/[id]", "/a/[...rest]", "/[a]/x", "/[...rest]"];
  assert.deepEqual(order.toReversed().sort(compareRoutes), order);
});

Deno.test("joinPath() joins a base path and a pattern", () => {
  assert.equal(joinPath("", "/"), "/");
  assert.equal(joinPath("/tail", "/"), "/tail");
  assert.equal(joinPath("/tail", "/x"), "/tail/x");
  assert.equal(joinPath("/tail", "*"), "/tail/*");
});

Deno.test("Router.match() says which methods a path has", () => {
  const router = new Router<string>();
  router.add(["GET", "POST"], "/x", "x");
  router.add(["POST"], "/x", "too late");
  assert.deepEqual(router.match("POST", new URL("http://localhost/x"))?.item, "x");
  const match = router.match("DELETE", new URL("http://localhost/x"));
  assert.deepEqual([match?.item, match?.allowed], [null, ["GET", "POST"]]);
  assert.equal(router.match("GET", new URL("http://localhost/y")), null);
});

Deno.test("Router.match() throws URIError on a malformed escape in a parameter", () => {
  const router = new Router<string>();
  router.add(["GET"], "/:id", "x");
  assert.throws(() => router.match("GET", new URL("http://localhost/%ff")), URIError);
});
