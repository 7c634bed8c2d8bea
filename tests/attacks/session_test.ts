// Cookies that were tampered with, other sites, ways out of this one, caches, and what a stranger learns.

import assert from "node:assert/strict";
import { readSession, signSession } from "../../lib/auth/session.ts";
import { fileToPattern } from "../../lib/fresh/fs_routes.ts";
import { testServer } from "../postgres.ts";
import { FOREIGN, ORGANIZATION_NAME, startWorld, type World } from "./world.ts";

const postgres = await testServer();

Deno.test("no part of a cookie can be changed, swapped or signed with another key", async () => {
  await using world = await startWorld(postgres);
  const [read, admin] = [await world.signIn(world.tokens.read), await world.signIn(world.tokens.admin)];
  const value = read.split("=")[1] ?? "";
  const parts = value.split(".");
  const others = (admin.split("=")[1] ?? "").split(".");
  const forged = parts.flatMap((part, i) => {
    const flipped = [...part].map((char, j) =>
      part.slice(0, j) + (char === "1" ? "2" : "1") + part.slice(j + 1)
    );
    // The last character of the signature holds two bits that stand for nothing.
    const real = i === 3 ? flipped.slice(0, -1) : flipped;
    return [
      ...real.filter((text) => text !== part),
      others[i] === part ? "" : others[i] ?? "",
      "",
      `${part}0`,
      `-${part}`,
      ` ${part}`,
    ]
      .map((text) => parts.map((kept, j) => j === i ? text : kept).join("."));
  });
  const key = new Uint8Array(32);
  const now = Date.now();
  forged.push(
    signSession({ tokenId: 3, issuedAt: now, seenAt: now }, key),
    "eyJhbGciOiJub25lIn0.eyJzdWIiOjN9.",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjN9.x",
    `${value}.`,
    `.${value}`,
    `${value}.${value}`,
    "x".repeat(4000),
    `"${value}x"`,
    "__proto__",
    "null",
    "%00",
    encodeURIComponent(value).replaceAll(".", "%2e"),
  ); // deno-fmt-ignore
  for (const cookie of forged) {
    const { status } = await world.ask("/api/logs", { headers: { cookie: `tailpost=${cookie}` } });
    assert.equal(status, 401, cookie);
  }
  // Under the other name, and in a header of the size of a book.
  assert.equal((await world.ask("/api/logs", { headers: { cookie: `__Host-${read}` } })).status, 401);
  const crowd = `${Array.from({ length: 400 }, (_, i) => `a${i}=b`).join("; ")}; tailpost=${
    others.slice(0, 3).join(".")
  }.x`;
  assert.equal((await world.ask("/api/logs", { headers: { cookie: crowd } })).status, 401);
  // Said twice, one of the two counts, and it never becomes more than what was signed.
  for (
    const cookie of [`${read}; tailpost=x`, `tailpost=x; ${read}`, `${read}; ${read}`, `tailpost=; ${read}`]
  ) {
    const { status, text } = await world.ask("/api/logs", { headers: { cookie } });
    assert.ok(status === 200 || status === 401, cookie);
    assert.ok(!text.includes(FOREIGN));
    assert.equal((await world.ask("/settings/tokens", { headers: { cookie } })).status === 200, false);
  }
  assert.equal((await world.ask("/api/logs", { headers: { cookie: read } })).status, 200);
});

Deno.test("readSession() takes no session from the past or the future", async () => {
  await using world = await startWorld(postgres);
  const [row] = await world.tailpost.sql`select key from tailpost_keys where name = 'session'`;
  const key = row === undefined ? await keyOf(world) : new Uint8Array(row.key);
  const now = Date.now();
  const hour = 3_600_000;
  const shapes: [issuedAt: number, seenAt: number, status: number][] = [
    [now, now, 200],
    [now - 13 * hour, now - 13 * hour, 401],
    [now - 8 * 24 * hour, now, 401],
    [now, now + hour, 401],
    [0, 0, 401],
    [now, 999_999_999_999_999, 401],
  ];
  for (const [issuedAt, seenAt, expected] of shapes) {
    const cookie = `tailpost=${signSession({ tokenId: 1, issuedAt, seenAt }, key)}`;
    assert.equal(
      (await world.ask("/api/logs", { headers: { cookie } })).status,
      expected,
      `${issuedAt} ${seenAt}`,
    );
  }
  // A token that is not there, whatever was signed.
  for (const tokenId of [0, 99, 999_999_999_999_999]) {
    const cookie = `tailpost=${signSession({ tokenId, issuedAt: now, seenAt: now }, key)}`;
    assert.equal((await world.ask("/api/logs", { headers: { cookie } })).status, 401, String(tokenId));
  }
  assert.equal(readSession("1.1.1", key, now), null);
});

async function keyOf(world: World): Promise<Uint8Array> {
  await world.signIn(world.tokens.read);
  const [row] = await world.tailpost.sql`select key from tailpost_keys where name = 'session'`;
  return new Uint8Array(row?.key);
}

Deno.test("another site writes nothing with a session, whatever its browser says of itself", async () => {
  await using world = await startWorld(postgres);
  const cookie = await world.signIn(world.tokens.admin);
  const from: Record<string, string>[] = [
    ...["cross-site", "same-site", "nonsense", ""].map((site) => ({
      "sec-fetch-site": site,
      origin: "https://evil.example",
    })),
    ...[
      "https://evil.example",
      "null",
      "",
      `${world.url}.evil.example`,
      world.url.replace("http:", "https:"),
      `${world.url}0`,
    ]
      .map((origin) => ({ origin })),
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "cross-site", origin: "https://evil.example", "x-forwarded-host": "evil.example" },
    { origin: "https://evil.example", "x-http-method-override": "GET" },
  ];
  const types = [
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/json",
    "",
  ];
  const tokens = async () =>
    (await world.tailpost.sql`select id, revoked_at from tailpost_tokens order by id`).map((row) => ({
      ...row,
    }));
  const before = await tokens();
  for (const headers of from) {
    for (const path of ["/login", "/logout", "/settings/tokens", "/api/logs", "/api/views"]) {
      for (const type of types) {
        const body = path.startsWith("/api/")
          ? '{"message":"forged","name":"forged","query":"q=x"}'
          : "action=create&name=evil&scope=admin&token=x";
        const { status, text } = await world.ask(path, {
          method: "POST",
          body,
          headers: { cookie, "content-type": type, ...headers },
        });
        assert.equal(status, 403, `${path} ${type} ${JSON.stringify(headers)} ${text.slice(0, 200)}`);
      }
    }
  }
  assert.deepEqual(await tokens(), before);
  for (const method of ["PUT", "DELETE"]) {
    for (const headers of from) {
      const { status } = await world.ask("/api/views/1", {
        method,
        body: '{"name":"forged"}',
        headers: { cookie, "content-type": "application/json", ...headers },
      });
      assert.equal(status, 403, `${method} ${JSON.stringify(headers)}`);
    }
  }
  const views = await world.tailpost.sql`select name from tailpost_views`;
  assert.deepEqual(views.map(({ name }) => name), [FOREIGN]);
  assert.ok(!(await world.ask("/api/logs", { token: world.tokens.read })).text.includes("forged"));
  // Writing is no matter of a GET, whatever the query says.
  for (
    const path of [
      "/logout",
      "/settings/tokens?action=revoke&id=1",
      "/settings/tokens?action=create&name=x&scope=admin",
    ]
  ) {
    await world.ask(path, { headers: { cookie } });
  }
  assert.deepEqual(await tokens(), before);
  // And no answer may be read from there.
  const { headers } = await world.ask("/api/logs", { headers: { cookie, origin: "https://evil.example" } });
  assert.equal(headers.get("access-control-allow-origin"), null);
});

Deno.test("signing in leads nowhere but into this site", async () => {
  await using world = await startWorld(postgres);
  const evil = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "%2f%2fevil.example",
    "/\tevil.example",
    "/\n/evil.example",
    "\t//evil.example",
    "/\r\nSet-Cookie: x=1",
    "/.//evil.example",
    "/..//evil.example",
    "/x/..//evil.example",
    "/%2e%2e//evil.example",
    "/@evil.example",
    "@evil.example",
    ".evil.example",
    "data:text/html,x",
    "/login",
    "/logout",
    "/logs/live#//evil.example",
    "http:/\\evil.example",
    "/\u2028/evil.example",
    "/\uff0f\uff0fevil.example",
  ]; // deno-fmt-ignore
  for (const next of evil) {
    const login = await world.ask("/login", { method: "POST", body: new URLSearchParams({ token: world.tokens.read, next }) });
    const location = login.headers.get("location") ?? "";
    const target = new URL(location, world.url);
    assert.equal(target.origin, world.url, `${JSON.stringify(next)} leads to ${location}`);
    assert.match(location, /^\/(?![/\\])[\x21-\x7e]*$/u);
    assert.ok(!login.headers.has("x-injected") && login.headers.getSetCookie().length === 1);
    const page = await world.ask(`/login?next=${encodeURIComponent(next)}`);
    for (const [, action = ""] of page.text.matchAll(/(?:action|href|src)="([^"]*)"/gu)) {
      assert.ok(!/^(?:[a-z]+:|\/\/|\/?\\)/iu.test(action), action);
    }
  }
  for (
    const path of [
      "//evil.example",
      "/\\evil.example",
      "//evil.example/..",
      "/.//evil.example",
      "/%0d%0aSet-Cookie:x=1",
    ]
  ) {
    for (const query of ["", "?next=//evil.example", "?//evil.example"]) {
      const { status, headers } = await world.ask(path + query, {
        headers: { "x-forwarded-host": "evil.example" },
      });
      const location = headers.get("location");
      if (location !== null) {
        assert.equal(new URL(location, world.url).origin, world.url, `${path}: ${location}`);
      }
      assert.ok(status < 500);
    }
  }
});

Deno.test("a one-time code is not guessed, and works once", async () => {
  await using world = await startWorld(postgres);
  const tries = Array.from({ length: 300 }, (_, i) => i.toString(36).padEnd(43, "A"));
  const post = (form: Record<string, string>) =>
    world.ask("/login", { method: "POST", body: new URLSearchParams(form) });
  for (const code of [...tries, "", "__proto__", "null", "x".repeat(10_000)]) {
    const { status, headers } = await post({ code });
    assert.ok(status === 401 || status === 429, `${status}`);
    assert.equal(headers.getSetCookie().length, 0);
  }
});

/** The methods and paths of every file in routes/, an id put in where one has to be. */
async function paths(): Promise<{ method: string; path: string }[]> {
  const found: { method: string; path: string }[] = [];
  const root = new URL("../../routes/", import.meta.url);
  async function walk(folder: string): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
      const path = folder + name;
      if (isDirectory) await walk(`${path}/`);
      if (isDirectory || name.startsWith("_")) continue;
      const pattern = fileToPattern(`routes/${path}`.replace(/\.tsx?$/u, "")).replace(":id", "2");
      for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        found.push({ method, path: pattern });
      }
    }
  }
  await walk("./");
  return found.map(({ method, path }) => ({ method, path: path.replace(/^\/\.\/?/u, "/") }));
}

Deno.test("no answer to somebody who is signed in may be kept in between", async () => {
  await using world = await startWorld(postgres);
  const cookie = await world.signIn(world.tokens.admin);
  const routes = await paths();
  assert.ok(routes.some(({ path }) => path === "/api/logs/stream"));
  for (
    const { method, path } of [...routes, { method: "GET", path: "/nothing" }, {
      method: "GET",
      path: "/api/nothing",
    }]
  ) {
    for (
      const headers of [{ cookie }, { "x-api-key": world.tokens.read }, { "x-api-key": world.tokens.ingest }]
    ) {
      const answer = await world.ask(path, { method, headers });
      assert.match(
        answer.headers.get("cache-control") ?? "",
        /\bno-store\b/u,
        `${method} ${path} ${answer.status}`,
      );
    }
  }
});

Deno.test("a stranger learns that Tailpost runs, and nothing else", async () => {
  await using world = await startWorld(postgres);
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  const told = new RegExp(
    [
      ORGANIZATION_NAME,
      FOREIGN,
      version.replaceAll(".", "\\."),
      "postgres(?:ql)? \\d",
      "\\.tsx?\\b",
      "node_modules",
      "    at ",
      "/tmp/",
      "Deno/",
      "denoland",
    ]
      .map((text) => text.replaceAll("/", "\\/")).join("|"),
    "iu",
  );
  const seen = new Map<string, string>();
  const strangers: Record<string, string>[] = [{}, { "x-api-key": `tp_${"A".repeat(43)}` }, {
    authorization: "Basic eDp5",
  }, { cookie: "tailpost=1.2.3.4" }];
  const asked = [...await paths()];
  for (
    const path of [
      "/nothing",
      "/api/nothing",
      "/api/logs/99999999",
      "/.git/config",
      "/main.ts",
      "/deno.json",
      "/_fresh/server.js",
      "/api/logs/%ff",
      "/%00",
    ]
  ) {
    for (const method of ["GET", "POST", "DELETE"]) asked.push({ method, path });
  }
  for (const { method, path } of asked) {
    for (const headers of strangers) {
      const { status, text, headers: answered } = await world.ask(path, {
        method,
        headers: { "content-type": "application/json", ...headers },
        ...method === "POST" ? { body: "{" } : {},
      });
      const about = `${method} ${path} ${status}`;
      assert.ok(status < 500, about);
      const all = `${[...answered].map(([name, value]) => `${name}: ${value}`).join("\n")}\n${text}`
        .replaceAll(encodeURIComponent(path), "");
      assert.doesNotMatch(all.replace(/(?:href|src)="[^"]*"/gu, ""), told, about);
      assert.equal(answered.get("server") ?? answered.get("x-powered-by"), null, about);
      // What exists and what does not look the same.
      const open = /^\/(?:healthz|readyz|login|logout)$/u.test(path);
      const kind = path.startsWith("/api/")
        ? "api"
        : path === "/metrics"
        ? "metrics"
        : path === "/" || !path
        ? "root"
        : "page";
      if (open || kind === "root" || method === "OPTIONS" || /%/u.test(path)) continue;
      const key = `${kind} ${method === "HEAD" ? "GET" : method} ${Object.keys(headers)}`;
      const look = `${status} ${method === "HEAD" ? "" : text.replaceAll(path, "")}`.slice(0, 300);
      if (method === "HEAD") continue;
      assert.equal(seen.get(key) ?? look, look, about);
      seen.set(key, look);
    }
  }
});
