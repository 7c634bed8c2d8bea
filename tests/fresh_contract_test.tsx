/**
 * The behaviour of Fresh 2 that this program relies on, stated against its import names alone: it must hold for
 * whatever `fresh`, `fresh/runtime` and `fresh/dev` are mapped to.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { ComponentChildren } from "preact";
import { App, type Context, createDefine, csp, csrf, HttpError, page, type PageProps } from "fresh";
import { asset, Head, IS_BROWSER } from "fresh/runtime";
import { Builder } from "fresh/dev";
import { type Browser, chromium } from "playwright-core";

type Server = { fetch: (req: Request, info?: Deno.ServeHandlerInfo) => Promise<Response> };

const BASE = "http://localhost";
const FIXTURE = new URL("./fresh_fixture/", import.meta.url);

const outDir = await Deno.makeTempDir({ prefix: "fresh_contract_" });
globalThis.addEventListener("unload", () => Deno.removeSync(outDir, { recursive: true }));
await new Builder({ root: fileURLToPath(FIXTURE), outDir }).build();
const built: { default: Server } = await import(new URL(`file://${outDir}/server.js`).href);

function get(path: string, init?: RequestInit): Promise<Response> {
  return built.default.fetch(new Request(BASE + path, init));
}

function ask(app: App<unknown>, path: string, init?: RequestInit): Promise<Response> {
  return app.handler()(new Request(BASE + path, init));
}

async function answer(app: App<unknown>, path: string, init?: RequestInit): Promise<[number, string]> {
  const res = await ask(app, path, init);
  return [res.status, await res.text()];
}

/** Runs `fn` and gives what it logged with console.error. */
async function logged(fn: () => Promise<void>): Promise<string> {
  const target: Pick<Console, "error"> = globalThis.console;
  const { error } = target;
  const lines: unknown[] = [];
  target.error = (...args: unknown[]) => lines.push(...args);
  try {
    await fn();
  } finally {
    target.error = error;
  }
  return lines.map((line) => line instanceof Error ? line.stack : String(line)).join("\n");
}

Deno.test("App handles the methods it has handlers for", async () => {
  const app = new App()
    .get("/x", () => new Response("get"))
    .post("/x", () => new Response("post"))
    .put("/x", () => new Response("put"))
    .patch("/x", () => new Response("patch"))
    .delete("/x", () => new Response("delete"))
    .all("/all", (ctx) => new Response(ctx.req.method));
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    assert.deepEqual(await answer(app, "/x", { method }), [200, method.toLowerCase()]);
    assert.deepEqual(await answer(app, "/all", { method }), [200, method]);
  }
});

Deno.test("App answers HEAD by the GET handler, without its body", async () => {
  const app = new App().get("/x", () => new Response("body", { headers: { "x-a": "1" } }));
  const res = await ask(app, "/x", { method: "HEAD" });
  assert.equal(res.status, 200);
  assert.equal(res.headers.get("x-a"), "1");
  assert.equal(res.body, null);
});

Deno.test("App answers 405 to another method of a path", async () => {
  const app = new App().get("/x", () => new Response("x")).post("/x", () => new Response("x"))
    .get("/p/:id", () => new Response("x"));
  assert.deepEqual(await answer(app, "/x", { method: "DELETE" }), [405, "Method Not Allowed"]);
  assert.deepEqual(await answer(app, "/p/1", { method: "POST" }), [405, "Method Not Allowed"]);
});

Deno.test("App matches URLPattern pathnames and gives ctx.params and ctx.route", async () => {
  const show = (ctx: Context<unknown>) => Response.json([ctx.route, { ...ctx.params }]);
  const app = new App().get("/logs/:id", show).get("/logs/live", show).get("/files/:path*", show)
    .get("/n/:n(\\d+)", show);
  const at = async (path: string) => await (await ask(app, path)).json();
  assert.deepEqual(await at("/logs/7"), ["/logs/:id", { id: "7" }]);
  assert.deepEqual(await at("/logs/a%20b"), ["/logs/:id", { id: "a b" }]);
  assert.deepEqual(await at("/logs/live"), ["/logs/live", {}], "a literal path goes before a pattern");
  assert.deepEqual(await at("/files/a/b"), ["/files/:path*", { path: "a/b" }]);
  assert.deepEqual(await at("/files"), ["/files/:path*", { path: "" }]);
  assert.deepEqual(await at("/n/12"), ["/n/:n(\\d+)", { n: "12" }]);
  assert.equal((await ask(app, "/n/x")).status, 404);
});

Deno.test("App takes a literal path with or without a trailing slash and with repeated slashes", async () => {
  const app = new App().get("/a/b", (ctx) => new Response(ctx.url.pathname));
  assert.deepEqual(await answer(app, "/a/b/"), [200, "/a/b/"]);
  assert.deepEqual(await answer(app, "//a///b"), [200, "/a/b"]);
});

Deno.test("App runs middleware in the order of registration, around the handler", async () => {
  const app = new App<{ trail: string[] }>()
    .use(async (ctx) => {
      ctx.state.trail = ["one"];
      const res = await ctx.next();
      res.headers.set("x-trail", ctx.state.trail.join());
      return res;
    })
    .use(
      (ctx) => (ctx.state.trail.push("two"), ctx.next()),
      (ctx) => (ctx.state.trail.push("three"), ctx.next()),
    )
    .get("/early", (ctx) => (ctx.state.trail.push("handler"), new Response()))
    .use((ctx) => (ctx.state.trail.push("late"), ctx.next()))
    .get("/late", () => new Response());
  const handler = app.handler();
  const trail = async (path: string) => (await handler(new Request(BASE + path))).headers.get("x-trail");
  assert.equal(await trail("/early"), "one,two,three,handler");
  assert.equal(await trail("/late"), "one,two,three,late");
});

Deno.test("App.use() takes a path: that and everything below", async () => {
  const app = new App().use("/api", () => new Response("closed", { status: 401 }))
    .get("/api", () => new Response("api")).get("/api/logs/:id", () => new Response("log"))
    .get("/apiary", () => new Response("bees"));
  assert.deepEqual(await answer(app, "/api"), [401, "closed"]);
  assert.deepEqual(await answer(app, "/api/logs/1"), [401, "closed"]);
  assert.deepEqual(await answer(app, "/apiary"), [200, "bees"]);
});

Deno.test("App runs several handlers of a path as middleware, and middleware also where nothing matches", async () => {
  const app = new App().use(async (ctx) => {
    const res = ctx.url.pathname === "/caught" ? new Response("taken") : await ctx.next();
    return res;
  }).get("/x", (ctx) => ctx.next(), () => new Response("second"));
  assert.deepEqual(await answer(app, "/x"), [200, "second"]);
  assert.deepEqual(await answer(app, "/caught"), [200, "taken"]);
});

Deno.test("App maps HttpError to its status and message", async () => {
  const app = new App()
    .get("/said", () => {
      throw new HttpError(409, "It is there already");
    })
    .get("/plain", () => {
      throw new HttpError(413);
    });
  assert.deepEqual(await answer(app, "/said"), [409, "It is there already"]);
  assert.equal((await ask(app, "/plain")).status, 413);
  assert.deepEqual(await answer(app, "/nowhere"), [404, "Not Found"]);
  const error = new HttpError(503, "busy", { cause: "why" });
  assert.ok(error instanceof Error);
  assert.deepEqual([error.name, error.status, error.message, error.cause], ["HttpError", 503, "busy", "why"]);
});

Deno.test("App logs any other throw and answers 500 without its message", async () => {
  const app = new App().get("/", () => {
    throw new Error("a secret");
  }).get("/async", () => Promise.reject(new Error("another secret")));
  const log = await logged(async () => {
    assert.deepEqual(await answer(app, "/"), [500, "Internal server error"]);
    assert.deepEqual(await answer(app, "/async"), [500, "Internal server error"]);
  });
  assert.match(log, /a secret/);
  assert.match(log, /another secret/);
});

Deno.test("Middleware can catch what a handler throws", async () => {
  const app = new App().use(async (ctx) => {
    try {
      return await ctx.next();
    } catch (error) {
      return new Response(`caught ${error instanceof HttpError && error.status}`, { status: 418 });
    }
  }).get("/x", () => {
    throw new HttpError(400);
  });
  assert.deepEqual(await answer(app, "/x"), [418, "caught 400"]);
  assert.deepEqual(await answer(app, "/nowhere"), [418, "caught 404"]);
  assert.deepEqual(await answer(app, "/x", { method: "POST" }), [418, "caught 405"]);
});

Deno.test("App.onError() answers for its path, and App.notFound() for every 404", async () => {
  const app = new App()
    .notFound((ctx) => Response.json({ missing: ctx.url.pathname }, { status: 404 }))
    .onError("*", () => new Response("outer", { status: 500 }))
    .onError("/api", (ctx) => {
      const status = ctx.error instanceof HttpError ? ctx.error.status : 500;
      return Response.json({ error: status }, { status });
    })
    .get("/api/x", (ctx) => {
      throw new HttpError(ctx.url.searchParams.has("gone") ? 404 : 429);
    })
    .get("/page", () => {
      throw new Error("x");
    });
  assert.deepEqual(await answer(app, "/api/x"), [429, '{"error":429}']);
  assert.deepEqual(await answer(app, "/page"), [500, "outer"]);
  assert.deepEqual(await answer(app, "/api/x?gone"), [404, '{"missing":"/api/x"}']);
  assert.deepEqual(await answer(app, "/nowhere"), [404, '{"missing":"/nowhere"}']);
});

Deno.test("App.onError() may render a page inside the app wrapper", async () => {
  const app = new App()
    .appWrapper(({ Component }) => (
      <main>
        <Component />
      </main>
    ))
    .onError("*", (ctx) => {
      const { message, status } = ctx.error instanceof HttpError ? ctx.error : new HttpError(500);
      return ctx.render(<p>{message}</p>, { status });
    })
    .get("/", () => {
      throw new HttpError(403, "not yours");
    });
  const [status, html] = await answer(app, "/");
  assert.equal(status, 403);
  assert.match(html, /<main><p>not yours<\/p><\/main>/);
});

Deno.test("App({ basePath }) serves everything below it", async () => {
  const app = new App({ basePath: "/tail" })
    .use("/inner", () => new Response("middleware"))
    .get("/", (ctx) => new Response(`root ${ctx.config.basePath}`))
    .get("/x/:id", (ctx) => new Response(ctx.params.id ?? ""))
    .get("/inner/x", () => new Response("x"));
  assert.deepEqual(await answer(app, "/tail"), [200, "root /tail"]);
  assert.deepEqual(await answer(app, "/tail/x/5"), [200, "5"]);
  assert.deepEqual(await answer(app, "/tail/inner/x"), [200, "middleware"]);
  assert.equal((await ask(app, "/x/5")).status, 404);
});

Deno.test("Context has the request, its URL, the connection and no error", async () => {
  const info: Deno.ServeHandlerInfo = {
    remoteAddr: { transport: "tcp", hostname: "192.0.2.1", port: 4711 },
    completed: Promise.resolve(),
  };
  const req = new Request(`${BASE}/x?q=a%20b`);
  const handler = new App().get("/x", (ctx) => {
    assert.equal(ctx.req, req);
    assert.equal(ctx.url.searchParams.get("q"), "a b");
    assert.equal(ctx.info, info);
    assert.equal(ctx.error, null);
    assert.equal(ctx.isPartial, false);
    assert.equal(ctx.config.mode, "production");
    return new Response("fine");
  }).handler();
  assert.equal(await (await handler(req, info)).text(), "fine");
});

Deno.test("Context.redirect() answers 302 or the status given, and never leaves the site by a path", async () => {
  const cases: [string, string][] = [
    ["/logs/live?level=error", "/logs/live?level=error"],
    ["//evil.example/x", "/evil.example/x"],
    ["/a//b?next=//c", "/a/b?next=//c"],
    ["/", "/"],
    ["https://example.org//x", "https://example.org//x"],
  ];
  for (const [to, location] of cases) {
    const res = await ask(new App().get("/", (ctx) => ctx.redirect(to)), "/");
    assert.deepEqual([res.status, res.headers.get("location")], [302, location]);
  }
  assert.equal((await ask(new App().get("/", (ctx) => ctx.redirect("/x", 307)), "/")).status, 307);
});

Deno.test("Context.render() makes a document around an element", async () => {
  const app = new App().get(
    "/",
    (ctx) => ctx.render(<h1 class="<i>">{"<b>"} & {1}</h1>, { status: 201, headers: { "x-a": "1" } }),
  );
  const res = await ask(app, "/");
  assert.equal(res.status, 201);
  assert.equal(res.headers.get("x-a"), "1");
  assert.equal(res.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(
    await res.text(),
    /^<!DOCTYPE html><html><head><meta charset="utf-8"\/><\/head><body><h1 class="&lt;i(>|&gt;)">&lt;b&gt; &amp; 1<\/h1><\/body><\/html>$/,
  );
});

Deno.test("Context.render() wraps in the app wrapper, unless told not to", async () => {
  const Wrapper = ({ Component, state }: PageProps<unknown, { name: string }>) => (
    <html>
      <head>
        <title>{state.name}</title>
      </head>
      <body id="wrapped">
        <Component />
      </body>
    </html>
  );
  const app = new App<{ name: string }>().appWrapper(Wrapper).use((ctx) => {
    ctx.state.name = "of the state";
    return ctx.next();
  })
    .get("/", (ctx) => ctx.render(<p>x</p>))
    .get("/bare", (ctx) => ctx.render(<p>x</p>, {}, { skipAppWrapper: true }));
  const handler = app.handler();
  const html = async (path: string) => await (await handler(new Request(BASE + path))).text();
  assert.equal(
    await html("/"),
    '<!DOCTYPE html><html><head><title>of the state</title></head><body id="wrapped"><p>x</p></body></html>',
  );
  assert.doesNotMatch(await html("/bare"), /wrapped/);
});

Deno.test("A streaming Response passes through untouched, and its end reaches the stream", async () => {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<unknown>();
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(": connected\n\n")),
    cancel,
  });
  const sent = new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  const app = new App().use((ctx) => ctx.next()).get("/stream", () => sent);
  const got = await ask(app, "/stream");
  assert.equal(got, sent);
  const reader = got.body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), ": connected\n\n");
  await reader.cancel("gone");
  assert.equal(await cancelled, "gone");
});

Deno.test("createDefine() and page() give types and change nothing", () => {
  const define = createDefine<{ user: string }>();
  const handlers = define.handlers({ GET: (ctx) => page({ name: ctx.state.user }) });
  const Page = define.page<typeof handlers>(({ data }) => <p>{data.name.toUpperCase()}</p>);
  const middleware = define.middleware((ctx) => ctx.next());
  const Layout = define.layout(({ Component }) => <Component />);
  for (const each of [Page, middleware, Layout]) assert.equal(typeof each, "function");
  assert.equal(typeof handlers.GET, "function");
  const { data, status, headers } = page({ a: 1 }, { status: 404, headers: { "x-a": "1" } });
  assert.deepEqual([data, status, headers], [{ a: 1 }, 404, { "x-a": "1" }]);
});

Deno.test("csp() sets its policy on every response, own directives in place of the defaults", async () => {
  const app = new App().use(csp({ csp: ["img-src *", "connect-src 'self' https://example.org"] }))
    .get("/", () => new Response("x"));
  const policy = (await ask(app, "/")).headers.get("content-security-policy")?.split("; ") ?? [];
  for (const directive of ["default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"]) {
    assert.ok(policy.includes(directive), directive);
  }
  assert.deepEqual(policy.filter((d) => /^(img|connect)-src/.test(d)), [
    "img-src *",
    "connect-src 'self' https://example.org",
  ]);
});

Deno.test("csp({ useNonce }) puts the nonce of the page's inline scripts and styles in the policy", async () => {
  const app = new App().use(csp({ useNonce: true })).get("/", (ctx) =>
    ctx.render(
      <div>
        <script>let x</script>
        <style>{"p{}"}</style>
        <script nonce="own" src="/x.js"></script>
      </div>,
    ));
  const nonces = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const res = await ask(app, "/");
    const policy = res.headers.get("content-security-policy") ?? "";
    const nonce = policy.match(/script-src 'self' 'nonce-(\w+)'/)?.[1] ?? "";
    const html = await res.text();
    assert.ok(nonce.length >= 22, policy);
    assert.ok(policy.includes(`style-src 'self' 'nonce-${nonce}'`), policy);
    assert.doesNotMatch(policy, /unsafe-inline/);
    assert.ok(html.includes(`<script nonce="${nonce}">let x</script>`), html);
    assert.ok(html.includes(`<style nonce="${nonce}">`), html);
    assert.ok(html.includes('nonce="own"'), html);
    nonces.add(nonce);
  }
  assert.equal(nonces.size, 2, "every response has a nonce of its own");
});

Deno.test("csrf() refuses unsafe requests from another site", async () => {
  const app = (origin?: string | string[]) =>
    new App().use(csrf(origin === undefined ? {} : { origin })).all("/", () => new Response("done"));
  const status = async (
    options: Parameters<typeof app>[0],
    headers: Record<string, string>,
    method = "POST",
  ) => (await ask(app(options), "/", { method, headers })).status;
  const evil = { origin: "https://evil.example" };
  assert.equal(await status(undefined, evil), 403);
  assert.equal(await status(undefined, { ...evil, "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await status(undefined, { "sec-fetch-site": "same-site" }), 403);
  assert.equal(await status(undefined, evil, "GET"), 200);
  assert.equal(await status(undefined, {}), 200, "a client that is no browser");
  assert.equal(await status(undefined, { origin: BASE }), 200);
  assert.equal(await status(undefined, { ...evil, "sec-fetch-site": "same-origin" }), 200);
  assert.equal(await status("https://evil.example", evil), 200);
  assert.equal(await status("https://good.example", evil), 403);
  assert.equal(await status(["https://good.example", "https://evil.example"], evil), 200);
});

Deno.test("asset() adds the build to paths of this site, and IS_BROWSER is false here", () => {
  assert.match(asset("/styles.css"), /^\/styles\.css\?\w+=\w+$/);
  assert.match(asset("/a.svg?x=1#part"), /^\/a\.svg\?x=1&\w+=\w+#part$/);
  assert.equal(asset(asset("/styles.css")), asset("/styles.css"));
  assert.equal(asset("https://example.org/x.css"), "https://example.org/x.css");
  assert.equal(asset("//example.org/x.css"), "//example.org/x.css");
  assert.equal(IS_BROWSER, false);
});

Deno.test("Head moves its children into the page's head", async () => {
  const Titled = ({ children }: { children: ComponentChildren }) => (
    <Head>
      <title>{children}</title>
    </Head>
  );
  const app = new App().get("/", (ctx) =>
    ctx.render(
      <div>
        <Titled>a &lt; b</Titled>
        <p>x</p>
      </div>,
    ));
  assert.match(
    await (await ask(app, "/")).text(),
    /<head><meta charset="utf-8"\/><title>a &lt; b<\/title><\/head><body><div><p>x<\/p><\/div><\/body>/,
  );
});

Deno.test("File routes: patterns, the more literal first", async () => {
  const json = async (path: string) => await (await get(path)).json();
  const route = { id: "5", route: "/api/items/:id", trail: ["root", "second", "api"] };
  assert.deepEqual(await json("/api/items/5"), route);
  assert.equal(await (await get("/api/items/latest")).text(), "the latest");
  assert.equal(await (await get("/api/items")).text(), "GET /api/items");
  assert.equal(await (await get("/files/a/b%20c")).text(), "a/b c");
  assert.equal((await get("/grouped")).status, 203);
});

Deno.test("File routes: handlers by method or for all of them", async () => {
  const posted = await get("/api/items/5", { method: "POST", body: "[1]" });
  assert.deepEqual([posted.status, await posted.json()], [201, { posted: [1] }]);
  assert.equal(await (await get("/api/items", { method: "PUT" })).text(), "PUT /api/items");
  const head = await get("/api/items/5", { method: "HEAD" });
  assert.deepEqual([head.status, head.body], [200, null]);
  // Fresh 2.3 takes such a route for missing.
  assert.ok([404, 405].includes((await get("/api/items/5", { method: "DELETE" })).status));
});

Deno.test("File routes: _middleware is inherited by folder, one or several of them", async () => {
  assert.equal((await get("/api/items")).headers.get("x-trail"), "root,second,api");
  assert.equal((await get("/grouped")).headers.get("x-trail"), "root,second");
});

Deno.test("File routes: page() feeds the component; css and Head reach the head of _app", async () => {
  const res = await get("/grouped");
  const html = await res.text();
  assert.equal(res.headers.get("x-page"), "grouped");
  assert.match(html, /<p[^>]*>a &lt; b<\/p><p[^>]*>c &amp; d<\/p><small>root,second<\/small>/);
  const [head = ""] = html.match(/<head>.*<\/head>/) ?? [];
  assert.deepEqual(head.match(/<title>.*?<\/title>/g), ["<title>from the page</title>"]);
  assert.deepEqual(head.match(/<meta name="description".*?>/g), [
    '<meta name="description" content="from the page"/>',
  ]);
  assert.ok(head.includes('<meta name="added" content="by the page"/>'), head);
  assert.ok(head.includes('<link rel="stylesheet" href="/page.css"/>'), head);
  assert.match(head, /<link rel="stylesheet" href="\/styles\.css\?/);
  assert.match(html, /<body class="\/grouped">/);
});

Deno.test("File routes: a form may be answered by its page, with a status, or by a redirect", async () => {
  const send = (body: string) => get("/grouped", { method: "POST", body });
  const shown = await send("word=again");
  assert.equal(shown.status, 401);
  assert.match(await shown.text(), /<p[^>]*>again<\/p>/);
  const led = await send("word=");
  assert.deepEqual([led.status, led.headers.get("location")], [303, "/index"]);
});

Deno.test("File routes: a page may go without _app", async () => {
  assert.doesNotMatch(await (await get("/bare")).text(), /styles\.css/);
});

Deno.test("File routes: _error answers for its folder, _404 for what is not there", async () => {
  const conflict = await get("/boom?status");
  assert.equal(conflict.status, 409);
  assert.match(await conflict.text(), /<body class="\/boom"><h1>status 409<\/h1>/);
  await logged(async () => {
    const broken = await get("/boom");
    assert.equal(broken.status, 500);
    assert.match(await broken.text(), /<h1>something else<\/h1>/);
  });
  const missing = await get("/nope");
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /<h1>nothing at \/nope<\/h1>/);
  const gone = await get("/api/items/gone");
  assert.deepEqual([gone.status, await gone.text()], [410, "It was here yesterday"]);
});

Deno.test("File routes: what a component throws is logged and answers 500 without its message", async () => {
  const log = await logged(async () => {
    const res = await get("/broken");
    assert.deepEqual([res.status, await res.text()], [500, "Internal server error"]);
  });
  assert.match(log, /a secret of the component/);
});

Deno.test("staticFiles() serves static/ with an ETag", async () => {
  const res = await get("/styles.css");
  assert.equal(res.status, 200);
  assert.match(res.headers.get("content-type") ?? "", /^text\/css/);
  assert.match(res.headers.get("cache-control") ?? "", /no-cache/);
  const text = await res.text();
  assert.match(text, /color: black/);
  const etag = res.headers.get("etag") ?? "";
  assert.match(etag, /^W\/"\w+"$/);
  const again = await get("/styles.css", { headers: { "if-none-match": etag } });
  assert.deepEqual([again.status, again.body], [304, null]);
  const head = await get("/styles.css", { method: "HEAD" });
  assert.deepEqual([head.status, head.body, head.headers.get("content-length")], [
    200,
    null,
    String(text.length),
  ]);
  assert.equal((await get("/styles.css", { method: "POST" })).status, 405);
  assert.equal((await get("/with%20space.txt")).status, 200);
});

Deno.test("staticFiles() lets URLs of this build be cached for ever, and no other", async () => {
  const url = asset("/styles.css");
  const current = await get(url);
  assert.match(current.headers.get("cache-control") ?? "", /max-age=31536000, immutable/);
  await current.body?.cancel();
  const old = await get(url.replace(/=\w+$/, "=older"));
  assert.deepEqual([old.status, old.headers.get("location")], [307, "/styles.css"]);
});

Deno.test("staticFiles() gives away nothing else", async () => {
  for (
    const path of [
      "/../main.ts",
      "/%2e%2e/main.ts",
      "/..%2fmain.ts",
      "/..%5cmain.ts",
      "/static/styles.css",
      "/main.ts",
      "/%00",
      "/styles.css%00",
      "/server.js",
      "/_fresh/js/../../server.js",
    ]
  ) {
    const res = await get(path);
    assert.equal(res.status, 404, path);
    await res.body?.cancel();
  }
});

Deno.test("A page without islands ships no script", async () => {
  const html = await (await get("/")).text();
  assert.doesNotMatch(html, /<script/);
  assert.match(html, /<h1>no islands here<\/h1>/);
});

Deno.test("Islands are rendered on the server, and what they are given can not end the script", async () => {
  const res = await get("/islands");
  const html = await res.text();
  assert.match(html, /<button type="button" ?>clicked 3 times<\/button>/);
  assert.match(html, /<button type="button" ?>clicked 40 times<\/button>/);
  const scripts = [...html.matchAll(/<script[^]*?<\/script>/gi)].map(([script]) => script);
  assert.equal(scripts.length, 1);
  const [script = ""] = scripts;
  assert.ok(script.includes("quoted"), "the props came through");
  assert.doesNotMatch(script, /<!--/);
  assert.doesNotMatch(html.slice(html.indexOf(script) + script.length), /alert/);
  const nonce = res.headers.get("content-security-policy")?.match(/'nonce-(\w+)'/)?.[1];
  assert.ok(nonce && script.includes(`nonce="${nonce}"`));
});

Deno.test("Islands' bundles are named in the Link header and served as immutable scripts", async () => {
  const page = await get("/islands");
  const html = await page.text();
  const bundles = [...html.matchAll(/from ?"([^"]+\.js)"/g)].map(([, path]) => path ?? "");
  assert.ok(bundles.length >= 1, html);
  for (const path of bundles) {
    assert.ok(page.headers.get("link")?.includes(`<${path}>; rel="modulepreload"`), path);
    const res = await get(path);
    assert.equal(res.status, 200);
    assert.match(res.headers.get("content-type") ?? "", /^text\/javascript/);
    assert.match(res.headers.get("cache-control") ?? "", /max-age=31536000, immutable/);
    await res.body?.cancel();
  }
});

Deno.test("An island with a prop that can not be serialised answers 500", async () => {
  const log = await logged(async () => assert.equal((await get("/unserialisable")).status, 500));
  assert.match(log, /seriali[sz]/i);
});

Deno.test("Islands come alive in the browser, in the nodes that the server sent", async () => {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, built.default.fetch);
  try {
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      await page.addInitScript(() => {
        document.addEventListener("readystatechange", () => {
          if (document.readyState === "interactive") Reflect.set(globalThis, "sent", nodes());
        });
        const nodes = () => [...document.querySelectorAll("section, button, output, fieldset, legend")];
        Reflect.set(globalThis, "kept", () => {
          const sent: Element[] = Reflect.get(globalThis, "sent");
          const now = nodes();
          return now.length === sent.length && now.every((node, i) => node === sent[i]);
        });
      });
      await page.goto(`http://127.0.0.1:${server.addr.port}/islands`);
      await page.waitForSelector("#first[data-where=browser]");
      await page.waitForSelector("#second[data-where=browser]");
      await page.waitForSelector("#inner[data-where=browser]");
      assert.equal(await page.evaluate("kept()"), true, "the server's nodes are still there");

      await page.click("#first button");
      await page.click("#first button");
      await page.click("#second button");
      await page.click("#shouter");
      await page.click("#frame legend");
      const text = (selector: string) => page.textContent(selector);
      await page.waitForFunction("document.querySelector('#frame legend').textContent === 'around 1'");
      assert.equal(await text("#first button"), "clicked 5 times");
      assert.equal(await text("#second button"), "clicked 41 times");
      assert.equal(await text("#shouter"), "HEY");
      assert.equal(await page.evaluate("kept()"), true);
      assert.deepEqual(JSON.parse(await text("#first output") ?? ""), {
        note: '</script><script>alert(1)</script><!-- \u2028 "quoted"',
      });
      assert.deepEqual(JSON.parse(await text("#second output") ?? ""), {
        nested: { list: [1, null, "x"], flag: true },
      });
      assert.equal(await page.getAttribute("#first", "data-icon"), asset("/styles.css"));
      assert.deepEqual(problems, []);
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("Builder.listen() serves in development, and an open page reloads when the server was started anew", async () => {
  const port = freePort();
  await withBrowser(async (browser) => {
    const page = await browser.newPage();
    const url = `http://127.0.0.1:${port}/islands`;
    await withDevServer(port, async () => {
      await page.goto(url);
      await page.waitForSelector("#first[data-where=browser]");
      await page.evaluate("globalThis.old = true");
    });
    const reloaded = page.waitForEvent("load");
    await withDevServer(port, async () => {
      await reloaded;
      await page.waitForSelector("#first[data-where=browser]");
      assert.equal(await page.evaluate("globalThis.old"), undefined);
      const res = await fetch(new URL("/styles.css", url));
      assert.match(res.headers.get("cache-control") ?? "", /no-cache/);
      await res.body?.cancel();
    });
  });
});

function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

async function withDevServer(port: number, fn: () => Promise<void>): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fileURLToPath(new URL("dev.ts", FIXTURE)), String(port)],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let output = "";
    while (!output.includes("listening")) {
      const { value, done } = await reader.read();
      assert.ok(!done, `The development server ended: ${output}`);
      output += value;
    }
    await fn();
  } finally {
    child.kill();
    await child.status;
    await reader.cancel();
  }
}

async function withBrowser(fn: (browser: Browser) => Promise<void>): Promise<void> {
  const executablePath = findChromium();
  // Where there is none, there is nothing to try this in.
  if (executablePath === null) return;
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking"],
  });
  try {
    await fn(browser);
  } finally {
    await browser.close();
  }
}

function findChromium(): string | null {
  const given = Deno.env.get("CHROME_PATH");
  if (given) return given;
  for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
    for (const folder of (Deno.env.get("PATH") ?? "").split(":").concat("/usr/bin")) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
      } catch {
        // Not there.
      }
    }
  }
  return null;
}
