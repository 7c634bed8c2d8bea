// Who gets in: every route with every kind of credentials, on the real program.

import assert from "node:assert/strict";
import { insertToken, type NewToken } from "../lib/auth/token_store.ts";
import { createToken } from "../lib/auth/token.ts";
import { fileToPattern } from "../lib/fresh/fs_routes.ts";
import { testServer } from "./postgres.ts";
import { startTailpost, type TestTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const postgres = await testServer();
const TOKENS = { args: ["--auth", "token"] };

/** What is sent along. */
const CREDENTIALS = ["none", "wrong", "expired", "revoked", "other", "read", "ingest", "admin"] as const;
type Credentials = (typeof CREDENTIALS)[number];

interface Row {
  readonly path?: string;
  readonly body?: string;
  /** Of the body, JSON without. */
  readonly type?: string;
  readonly expected: readonly number[];
}

const FORM = "application/x-www-form-urlencoded";
const LOG = '{"message":"from the matrix"}';
const MATRIX: Readonly<Record<string, Row>> = {
  //                                    none wrong expired revoked other read ingest admin
  "GET /": { expected: [303, 303, 303, 303, 302, 302, 403, 302] },
  "GET /help/proxies": { expected: [303, 303, 303, 303, 200, 200, 403, 200] },
  "GET /logs/:id": { path: "/logs/1", expected: [303, 303, 303, 303, 302, 302, 403, 302] },
  "GET /logs/live": { expected: [303, 303, 303, 303, 200, 200, 403, 200] },
  "GET /healthz": { expected: [200, 200, 200, 200, 200, 200, 200, 200] },
  "GET /login": { expected: [200, 200, 200, 200, 200, 200, 200, 200] },
  "POST /login": {
    body: "token=tp_no",
    type: FORM,
    expected: [401, 401, 401, 401, 401, 401, 401, 401],
  },
  "POST /logout": { body: "", type: FORM, expected: [303, 303, 303, 303, 303, 303, 303, 303] },
  "GET /settings/tokens": { expected: [303, 303, 303, 303, 403, 403, 403, 200] },
  "POST /settings/tokens": {
    body: "action=revoke&id=0",
    type: FORM,
    expected: [303, 303, 303, 303, 403, 403, 403, 400],
  },
  "GET /readyz": { expected: [200, 200, 200, 200, 200, 200, 200, 200] },
  "GET /metrics": { expected: [401, 401, 401, 401, 200, 200, 403, 200] },
  "GET /api/logs": { path: "/api/logs?organizationId=1", expected: [401, 401, 401, 401, 403, 200, 403, 200] },
  "POST /api/logs": {
    path: "/api/logs?organizationId=1",
    body: LOG,
    expected: [401, 401, 401, 401, 403, 403, 201, 201],
  },
  "GET /api/logs/stream": {
    path: "/api/logs/stream?organizationId=1",
    expected: [401, 401, 401, 401, 403, 200, 403, 200],
  },
  "GET /api/views": {
    path: "/api/views?organizationId=1",
    expected: [401, 401, 401, 401, 403, 200, 403, 200],
  },
  "POST /api/views": {
    path: "/api/views?organizationId=1",
    body: '{"name":"from the matrix","query":"level=loud"}',
    expected: [401, 401, 401, 401, 403, 400, 403, 400],
  },
  "PUT /api/views/:id": {
    path: "/api/views/1",
    body: '{"name":"renamed"}',
    expected: [401, 401, 401, 401, 404, 200, 403, 200],
  },
  "DELETE /api/views/:id": {
    path: "/api/views/9?organizationId=1",
    expected: [401, 401, 401, 401, 403, 404, 403, 404],
  },
  "GET /api/logs/export": {
    path: "/api/logs/export?organizationId=1",
    expected: [401, 401, 401, 401, 403, 200, 403, 200],
  },
  "GET /api/logs/rate": {
    path: "/api/logs/rate?organizationId=1",
    expected: [401, 401, 401, 401, 403, 200, 403, 200],
  },
  "GET /api/logs/values": {
    path: "/api/logs/values?organizationId=1",
    expected: [401, 401, 401, 401, 403, 200, 403, 200],
  },
  "GET /api/logs/:id": { path: "/api/logs/1", expected: [401, 401, 401, 401, 404, 200, 403, 200] },
};

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Every method of every file in routes/, as `GET /api/logs/:id`. */
async function routes(): Promise<string[]> {
  const found: string[] = [];
  const root = new URL("../routes/", import.meta.url);
  async function walk(folder: URL): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const url = new URL(encodeURIComponent(name) + (isDirectory ? "/" : ""), folder);
      if (isDirectory) await walk(url);
      if (isDirectory || name.startsWith("_")) continue;
      const module = await import(url.href);
      const path = `routes/${decodeURIComponent(url.href.slice(root.href.length))}`.replace(/\.tsx?$/u, "");
      const handlers = module.handler ?? module.handlers ?? {};
      const methods = typeof handlers === "function" ? METHODS : Object.keys(handlers);
      if (module.default && !methods.includes("GET")) methods.push("GET");
      found.push(...methods.map((method) => `${method} ${fileToPattern(path)}`));
    }
  }
  await walk(root);
  return found.sort();
}

/** Makes tokens of every kind. */
async function tokensOf(tailpost: TestTailpost): Promise<Record<Credentials, string>> {
  const { sql } = tailpost;
  await sql`insert into organizations (name) values ('other')`;
  const make = async (token: Partial<NewToken>) =>
    (await insertToken(sql, { organizationId: 1, name: "test", scope: "read", expiresIn: null, ...token }))
      .text;
  const tokens = {
    none: "",
    wrong: createToken(),
    expired: await make({ name: "expired", scope: "read", expiresIn: 0.001 }),
    revoked: await make({ name: "revoked" }),
    other: await make({ organizationId: 2 }),
    read: await make({}),
    ingest: await make({ scope: "ingest" }),
    admin: await make({ scope: "admin", organizationId: null }),
  };
  await sql`update tailpost_tokens set revoked_at = now() where name = 'revoked'`;
  await sql`select from tailpost_tokens where name = 'expired' and expires_at < clock_timestamp()`;
  return tokens;
}

Deno.test("every route answers every kind of credentials as the matrix says", async (t) => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const tokens = await tokensOf(tailpost);
  await tailpost.sql`insert into logs (message) values ('of organization 1')`;
  await tailpost.sql`insert into tailpost_views (organization_id, name, query) values (1, 'x', 'q=x')`;
  assert.deepEqual(
    await routes(),
    Object.keys(MATRIX).sort(),
    "a route without a row, or a row without a route",
  );
  for (const [route, { path, body, type = "application/json", expected }] of Object.entries(MATRIX)) {
    await t.step(route, async () => {
      const [method = "", pattern = ""] = route.split(" ");
      for (const by of ["authorization", "x-api-key"]) {
        const found: number[] = [];
        for (const name of CREDENTIALS) {
          const headers = new Headers({ "content-type": type });
          if (name !== "none") headers.set(by, (by === "authorization" ? "Bearer " : "") + tokens[name]);
          const init = {
            method,
            headers,
            redirect: "manual" as const,
            ...body === undefined ? {} : { body },
          };
          const response = await fetch(tailpost.url + (path ?? pattern), init);
          found.push(response.status);
          if (response.headers.get("content-type") === "text/event-stream") await response.body?.cancel();
          else await inspect(response, tokens[name]);
        }
        assert.deepEqual(found, expected, by);
      }
    });
  }
  assert.ok(!Object.values(tokens).some((token) => token !== "" && tailpost.output().includes(token)));
});

/** What no answer may hold, and what a refusal has to. */
async function inspect(response: Response, token: string): Promise<void> {
  const { status, headers, url } = response;
  const text = await response.text();
  if (token !== "") assert.ok(!text.includes(token), "an answer repeats the token");
  if (new URL(url).pathname === "/login") return;
  if (status === 401) assert.match(headers.get("www-authenticate") ?? "", /^Bearer/u);
  if (status === 401 || (status === 403 && url.includes("/api/"))) {
    const { error } = JSON.parse(text);
    assert.ok(error.message.length > 10, text);
    assert.equal(error.code, status === 401 ? "unauthorized" : "forbidden");
  }
}

Deno.test("a token is not taken from the URL, and a stranger learns no paths", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { admin } = await tokensOf(tailpost);
  const status = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(tailpost.url + path, { redirect: "manual", ...init });
    await response.body?.cancel();
    return response.status;
  };
  for (const name of ["token", "access_token", "api_key", "apiKey", "key"]) {
    assert.equal(await status(`/api/logs?${name}=${admin}`), 401);
  }
  assert.equal(await status("/api/nothing"), 401);
  assert.equal(await status("/api/logs", { method: "DELETE" }), 401);
  assert.equal(await status("/nothing"), 303);
  assert.equal(await status("/api/nothing", { headers: { "x-api-key": admin } }), 404);
  for (const path of ["//api//logs", "/api/logs/", "/api/logs/?x", "/api/../api/logs", "/./api/logs"]) {
    assert.equal(await status(path), 401, path);
  }
});

Deno.test("an administrator chooses the organization, everybody else has their own", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const tokens = await tokensOf(tailpost);
  await tailpost.sql`insert into logs (organization_id, message) values (1, 'ours'), (2, 'theirs')`;
  const messages = async (query: string, token: string) => {
    const response = await fetch(`${tailpost.url}/api/logs${query}`, { headers: { "x-api-key": token } });
    const { logs } = await response.json();
    return logs?.map(({ message }: { message: string }) => message) ?? response.status;
  };
  assert.deepEqual(await messages("", tokens.read), ["ours"]);
  assert.deepEqual(await messages("", tokens.other), ["theirs"]);
  assert.deepEqual(await messages("?organizationId=2", tokens.other), ["theirs"]);
  assert.deepEqual(await messages("", tokens.admin), ["ours"]);
  assert.deepEqual(await messages("?organizationId=2", tokens.admin), ["theirs"]);
  assert.equal(await messages("?organizationId=2", tokens.read), 403);
});

Deno.test("revoking, expiring and deleting a token end its streams within seconds, and no other", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { read, other, admin } = await tokensOf(tailpost);
  const { sql } = tailpost;
  const { text: short } = await insertToken(sql, {
    organizationId: 1,
    name: "short",
    scope: "read",
    expiresIn: 2,
  });
  const open = (token: string) => openViewer(`${tailpost.url}/api/logs/stream`, { "x-api-key": token });
  await using staying = await open(admin);
  await using revoked = await open(read);
  await using deleted = await open(other);
  await using expiring = await open(short);
  const began = performance.now();
  await sql`update tailpost_tokens set revoked_at = now() where hash = ${await digest(read)}`;
  await revoked.ended;
  await sql`delete from tailpost_tokens where hash = ${await digest(other)}`;
  await deleted.ended;
  await expiring.ended;
  assert.ok(performance.now() - began < 5000);
  await sql`insert into logs (message) values ('still there')`;
  await staying.untilLog("still there");
  const again = await fetch(`${tailpost.url}/api/logs/stream`, { headers: { "x-api-key": read } });
  assert.equal(again.status, 401);
  await again.body?.cancel();
});

async function digest(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

Deno.test("what was revoked while the listener was away ends once it is back", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { read, admin } = await tokensOf(tailpost);
  const open = (token: string) => openViewer(`${tailpost.url}/api/logs/stream`, { "x-api-key": token });
  await using staying = await open(admin);
  await using revoked = await open(read);
  // In one transaction: the notification is sent when nobody listens any more.
  await tailpost.sql.begin(async (sql) => {
    await sql`alter table tailpost_tokens disable trigger tailpost_tokens_changed`;
    await sql`update tailpost_tokens set revoked_at = now() where hash = ${await digest(read)}`;
    await sql`alter table tailpost_tokens enable trigger tailpost_tokens_changed`;
  });
  await tailpost.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'tailpost-listener' and datname = current_database()`;
  await revoked.ended;
  await tailpost.sql`insert into logs (message) values ('still there')`;
  await staying.untilLog("still there");
});

Deno.test("the last use of a token is noted", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { read } = await tokensOf(tailpost);
  const ask = () => fetch(`${tailpost.url}/api/logs`, { headers: { "x-api-key": read } });
  for (let i = 0; i < 3; i++) await (await ask()).body?.cancel();
  const used = async () =>
    (await tailpost.sql`select last_used_at from tailpost_tokens where hash = ${await digest(read)}`)[0]
      ?.last_used_at;
  while (!await used()) await (await ask()).body?.cancel();
  assert.ok(Date.now() - (await used()).getTime() < 60_000);
});

/** Signs in as a browser's form does, and gives the cookie. */
async function signIn(tailpost: TestTailpost, form: Record<string, string>) {
  const response = await fetch(`${tailpost.url}/login`, {
    method: "POST",
    body: new URLSearchParams(form),
    redirect: "manual",
    headers: { origin: tailpost.url, "sec-fetch-site": "same-origin" },
  });
  const text = await response.text();
  const set = response.headers.getSetCookie();
  const cookie = set[0]?.split(";")[0] ?? "";
  return { status: response.status, location: response.headers.get("location"), text, set, cookie };
}

/** The status of a page or an answer with a cookie. */
async function statusWith(tailpost: TestTailpost, cookie: string, path: string, init: RequestInit = {}) {
  const headers = { cookie, ...init.headers };
  const response = await fetch(tailpost.url + path, { redirect: "manual", ...init, headers });
  await response.body?.cancel();
  return response.status;
}

Deno.test("a session is its token: its organization, its scope, and its end", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const tokens = await tokensOf(tailpost);
  await tailpost.sql`insert into logs (organization_id, message) values (1, 'ours'), (2, 'theirs')`;
  const { status, location, set, cookie } = await signIn(tailpost, {
    token: ` ${tokens.other} `,
    next: "/logs/live?q=x",
  });
  assert.deepEqual([status, location], [303, "/logs/live?q=x"]);
  assert.match(set[0] ?? "", /^tailpost=[\w.-]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/u);
  assert.ok(!cookie.includes(tokens.other.slice(3)));
  const logs = await (await fetch(`${tailpost.url}/api/logs`, { headers: { cookie } })).json();
  assert.deepEqual(logs.logs.map(({ message }: { message: string }) => message), ["theirs"]);
  assert.equal(await statusWith(tailpost, cookie, "/api/logs?organizationId=1"), 403);
  assert.equal(await statusWith(tailpost, cookie, "/settings/tokens"), 403);
  assert.equal(await statusWith(tailpost, cookie, "/logs/live"), 200);
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`, { cookie });
  await tailpost.sql`update tailpost_tokens set revoked_at = now() where organization_id = 2`;
  await viewer.ended;
  assert.equal(await statusWith(tailpost, cookie, "/api/logs"), 401);
  assert.equal(await statusWith(tailpost, cookie, "/logs/live"), 303);

  for (const name of ["wrong", "expired", "revoked", "ingest"] as const) {
    const { status, text, set } = await signIn(tailpost, { token: tokens[name] });
    assert.deepEqual([status, set.length], [401, 0], name);
    assert.match(text, /role="alert"/u);
    assert.ok(!text.includes(tokens[name]));
  }
});

Deno.test("a cookie that was tampered with signs nobody in, and no page is kept in between", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { read, admin } = await tokensOf(tailpost);
  const { cookie } = await signIn(tailpost, { token: read });
  const administrator = (await signIn(tailpost, { token: admin })).cookie;
  const [, id, issued, seen, mac] = /^tailpost=(\d+)\.(\d+)\.(\d+)\.(.+)$/u.exec(cookie) ?? [];
  const forged = [
    `${Number(id) + 2}.${issued}.${seen}.${mac}`,
    `${id}.${issued}.${Number(seen) + 1000}.${mac}`,
    `${id}.${issued}.${seen}.${administrator.split(".").at(-1)}`,
    `${id}.${issued}.${seen}.${"A".repeat(43)}`,
    `${id}.${issued}.${seen}.`,
    `${id}.${issued}.${seen}`,
    read,
    "x".repeat(5000),
    "__proto__",
  ];
  for (const value of forged) {
    assert.equal(await statusWith(tailpost, `tailpost=${value}`, "/api/logs"), 401, value);
  }
  assert.equal(await statusWith(tailpost, cookie, "/api/logs"), 200);
  const page = await fetch(`${tailpost.url}/logs/live`, { headers: { cookie } });
  await page.body?.cancel();
  assert.equal(page.headers.get("cache-control"), "no-store");
  // Another key, as another database has it.
  await tailpost.sql`update tailpost_keys set key = sha256('another')`;
  await tailpost.stop();
  await tailpost.start();
  assert.equal(await statusWith(tailpost, cookie, "/api/logs"), 401);
});

Deno.test("another site cannot use a session to write, nor the form to lead away", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { admin } = await tokensOf(tailpost);
  const { cookie } = await signIn(tailpost, { token: admin });
  const body = new URLSearchParams({ action: "create", name: "evil", scope: "admin" });
  const headers: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    { "sec-fetch-site": "same-site", origin: "http://localhost:1" },
    { origin: "https://evil.example" },
    { origin: "null" },
  ];
  for (const from of headers) {
    for (const path of ["/settings/tokens", "/login", "/logout", "/api/logs"]) {
      assert.equal(
        await statusWith(tailpost, cookie, path, { method: "POST", body, headers: from }),
        403,
        path,
      );
    }
  }
  const [row] = await tailpost.sql`select count(*)::int as count from tailpost_tokens where name = 'evil'`;
  assert.equal(row?.count, 0);
  for (
    const next of ["//evil.example", "https://evil.example", "/\\evil.example", "/.//evil.example", "/login"]
  ) {
    assert.equal((await signIn(tailpost, { token: admin, next })).location, "/logs/live", next);
  }
});

Deno.test("the first start prints a link that makes one administrator, once", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const link = /^Sign in, once and within 15 minutes: (http:\/\/127\.0\.0\.1:\d+\/login\?code=(\w{43}))$/mu;
  while (!link.test(tailpost.output())) {
    await fetch(`${tailpost.url}/healthz`).then((response) => response.text());
  }
  const [, url = "", code = ""] = link.exec(tailpost.output()) ?? [];
  // Whatever looks at links ahead does not use it up.
  for (let i = 0; i < 2; i++) assert.match(await (await fetch(url)).text(), /This link works once/u);
  assert.equal((await signIn(tailpost, { code: "x".repeat(43) })).status, 401);
  const answers = await Promise.all([signIn(tailpost, { code }), signIn(tailpost, { code })]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401]);
  const { text, cookie } = answers.find(({ status }) => status === 200) ?? answers[0];
  const token = /tp_\w{43}/u.exec(text)?.[0] ?? "";
  assert.equal(await statusWith(tailpost, cookie, "/settings/tokens"), 200);
  assert.equal((await signIn(tailpost, { token })).status, 303);
  assert.equal((await fetch(url).then(async (response) => [response.status, await response.text()]))[0], 401);
  assert.ok(!tailpost.output().includes(token));
  await tailpost.stop();
  await tailpost.start();
  assert.equal((await signIn(tailpost, { code })).status, 401);
  assert.ok(!tailpost.output().includes("Sign in"), tailpost.output());
});

Deno.test("/settings/tokens makes tokens that work and revokes them", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { admin } = await tokensOf(tailpost);
  const { cookie } = await signIn(tailpost, { token: admin });
  const send = async (form: Record<string, string>) => {
    const response = await fetch(`${tailpost.url}/settings/tokens`, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { cookie },
      redirect: "manual",
    });
    return { status: response.status, text: await response.text() };
  };
  const name = "<script>alert(1)</script>";
  const made = await send({ action: "create", name, scope: "ingest", organization: "2", expires: "90d" });
  assert.equal(made.status, 200);
  assert.ok(!made.text.includes(name));
  const token = /data-secret[^>]*>(tp_\w{43})</u.exec(made.text)?.[1] ?? "";
  const post = () =>
    fetch(`${tailpost.url}/api/logs`, {
      method: "POST",
      body: LOG,
      headers: { "x-api-key": token, "content-type": "application/json" },
    }).then(async (response) => [response.status, await response.text()][0]);
  assert.equal(await post(), 201);
  const [row] = await tailpost
    .sql`select id, organization_id from tailpost_tokens where scope = 'ingest' order by id desc`;
  assert.equal(row?.organization_id, "2");
  const page = await fetch(`${tailpost.url}/settings/tokens`, { headers: { cookie } });
  const html = await page.text();
  assert.ok(!html.includes(token) && html.includes(token.slice(0, 9)));
  assert.equal((await send({ action: "revoke", id: row?.id })).status, 303);
  while (await post() !== 401);
  const bad: Record<string, string>[] = [
    { name: "", scope: "read" },
    { name: "x", scope: "root" },
    { name: "x", scope: "read", expires: "soon" },
    { name: "x", scope: "read", organization: "99" },
    { name: "x", scope: "read", organization: "1; drop table logs" },
    { name: "x".repeat(101), scope: "read" },
  ];
  for (const form of bad) {
    const { status, text } = await send({ action: "create", ...form });
    assert.equal(status, 400, JSON.stringify(form));
    assert.match(text, /role="alert"/u);
  }
});

Deno.test("with auth off nobody signs in, and there is nothing to sign in to", async () => {
  await using tailpost = await startTailpost(postgres);
  for (const path of ["/login", "/login?code=x", "/logout", "/settings/tokens"]) {
    assert.equal(await statusWith(tailpost, "", path), 404, path);
    assert.equal(await statusWith(tailpost, "", path, { method: "POST" }), 404, path);
  }
  assert.equal(await statusWith(tailpost, "", "/api/logs?organizationId=7"), 200);
  assert.ok(!tailpost.output().includes("Sign in"));
});

Deno.test("/readyz tells strangers that it is not ready, and those who may know why", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  const { read } = await tokensOf(tailpost);
  await tailpost.sql`alter table logs disable trigger logs_notify`;
  const code = async (headers: Record<string, string>) => {
    const response = await fetch(`${tailpost.url}/readyz`, { headers });
    return [response.status, (await response.json()).error?.code];
  };
  const passedOn = { "x-forwarded-for": "203.0.113.7" };
  assert.deepEqual(await code(passedOn), [503, "not_ready"]);
  assert.deepEqual(await code({ ...passedOn, "x-api-key": createToken() }), [503, "not_ready"]);
  assert.deepEqual(await code({ ...passedOn, "x-api-key": read }), [503, "trigger_disabled"]);
  assert.deepEqual(await code({}), [503, "trigger_disabled"]);
});

Deno.test("a trusted proxy says who is signed in and that the browser speaks TLS, and nobody else does", async () => {
  const env = { TAILPOST_AUTH_HEADER: "X-Forwarded-User", TAILPOST_AUTH_ORGANIZATION: "2" };
  const user = { "X-Forwarded-User": "mona" };
  const https = { "x-forwarded-proto": "https" };
  for (const isTrusted of [true, false]) {
    await using tailpost = await startTailpost(postgres, {
      ...TOKENS,
      env: { ...env, TAILPOST_TRUSTED_PROXY: isTrusted ? "10.0.0.0/8, 127.0.0.1" : "10.0.0.0/8" },
    });
    const { read, admin, revoked } = await tokensOf(tailpost);
    await tailpost.sql`insert into logs (organization_id, message) values (1, 'ours'), (2, 'theirs')`;
    const status = (path: string, headers: Record<string, string>) =>
      statusWith(tailpost, "", path, { headers });
    assert.equal(await status("/api/logs", user), isTrusted ? 200 : 401);
    assert.equal(await status("/api/logs?organizationId=1", user), isTrusted ? 403 : 401);
    assert.equal(await status("/settings/tokens", user), isTrusted ? 403 : 303);
    assert.equal(await status("/logs/live", user), isTrusted ? 200 : 303);
    assert.equal(await status("/logs/live", { "X-Forwarded-User": " " }), 303);
    assert.equal(await status("/api/logs", { ...user, "x-api-key": revoked }), 401);
    assert.equal(await status("/settings/tokens", { ...user, "x-api-key": admin }), 200);
    const signedIn = await fetch(`${tailpost.url}/login`, {
      method: "POST",
      body: new URLSearchParams({ token: read }),
      headers: https,
      redirect: "manual",
    });
    await signedIn.body?.cancel();
    const [cookie = ""] = signedIn.headers.getSetCookie();
    assert.match(cookie, isTrusted ? /^__Host-tailpost=.*; Secure$/u : /^tailpost=.*; SameSite=Lax$/u);
    const [value = ""] = cookie.split(";");
    assert.equal(await statusWith(tailpost, value, "/api/logs", { headers: https }), 200);
  }
});

Deno.test("two organizations that write and watch at once see not one log of the other", async () => {
  await using tailpost = await startTailpost(postgres, TOKENS);
  await tailpost.sql`insert into organizations (name) values ('other')`;
  const rounds = 150;
  async function live(organizationId: number): Promise<void> {
    const make = async (scope: "read" | "ingest") =>
      (await insertToken(tailpost.sql, { organizationId, name: scope, scope, expiresIn: null })).text;
    const [read, ingest] = [await make("read"), await make("ingest")];
    const { cookie } = await signIn(tailpost, { token: read });
    await using byToken = await openViewer(`${tailpost.url}/api/logs/stream?tail=10`, { "x-api-key": read });
    await using bySession = await openViewer(`${tailpost.url}/api/logs/stream?q=of`, { cookie });
    for (let round = 1; round <= rounds; round++) {
      const response = await fetch(`${tailpost.url}/api/logs`, {
        method: "POST",
        headers: { "x-api-key": ingest, "content-type": "application/json" },
        body: JSON.stringify({ message: `${round} of ${organizationId}` }),
      });
      const { ids } = await response.json();
      // Its own by id, and none of the ids around, which the other organization has.
      for (const id of [ids[0] - 1, ids[0], ids[0] + 1]) {
        const one = await fetch(`${tailpost.url}/api/logs/${id}`, { headers: { "x-api-key": read } });
        const log = await one.json();
        if (one.status === 200) assert.match(log.message, new RegExp(` of ${organizationId}$`, "u"));
        else assert.equal(one.status, 404);
      }
    }
    for (const viewer of [byToken, bySession]) {
      await viewer.untilLog(`${rounds} of ${organizationId}`);
      const expected = Array.from({ length: rounds }, (_, i) => `${i + 1} of ${organizationId}`);
      assert.deepEqual(viewer.logs.map(({ message }) => message), expected);
    }
    const history = await fetch(`${tailpost.url}/api/logs?limit=1000`, { headers: { "x-api-key": read } });
    const { logs } = await history.json();
    assert.equal(logs.length, rounds);
    assert.ok(logs.every(({ message }: { message: string }) => message.endsWith(` of ${organizationId}`)));
  }
  await Promise.all([live(1), live(2)]);
});
