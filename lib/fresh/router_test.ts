import assert from "node:assert/strict";
import { fileToPattern, rank } from "./fs_routes.ts";
import { Router } from "./router.ts";

Deno.test("fileToPattern() makes a URLPattern pathname of a file's path", () => {
  const cases = {
    "routes/index": "/",
    "routes/logs/index": "/logs",
    "routes/api/logs/[id]": "/api/logs/:id",
    "routes/files/[...path]": "/files/:path*",
    "routes/(all)/index": "/",
    "routes/(all)/logs/(live)/x": "/logs/x",
    "routes/[from]-[to]": "/:from-:to",
  };
  for (const [path, pattern] of Object.entries(cases)) assert.equal(fileToPattern(path), pattern);
});

Deno.test("rank() puts what is for a folder first, then literals before parameters, then the rest of a path", () => {
  const order = ["x/_error", "a/b", "a/[id]", "(all)/a/[id]/x", "a/[...rest]", "[a]/x", "(all)/[...rest]"]
    .map((path) => `routes/${path}`);
  assert.deepEqual(order.toReversed().sort((a, b) => rank(a) < rank(b) ? -1 : 1), order);
});

Deno.test("Router.match() leaves a parameter with a malformed escape as it is", () => {
  const router = new Router<unknown>("");
  router.add("GET", "/:id", [() => new Response()]);
  assert.deepEqual(router.match("GET", "/%ff").params, { id: "%ff" });
});
