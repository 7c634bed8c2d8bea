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
  readonly expected: readonly number[];
}

const LOG = '{"message":"from the matrix"}';
/** Credentials of another organization see their own, never ours: [the whole story is below](#other). */
const MATRIX: Readonly<Record<string, Row>> = {
  //                                    none wrong expired revoked other read ingest admin
  "GET /": { expected: [303, 303, 303, 303, 302, 302, 403, 302] },
  "GET /logs/live": { expected: [303, 303, 303, 303, 200, 200, 403, 200] },
  "GET /healthz": { expected: [200, 200, 200, 200, 200, 200, 200, 200] },
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
  assert.deepEqual(
    await routes(),
    Object.keys(MATRIX).sort(),
    "a route without a row, or a row without a route",
  );
  for (const [route, { path, body, expected }] of Object.entries(MATRIX)) {
    await t.step(route, async () => {
      const [method = "", pattern = ""] = route.split(" ");
      for (const by of ["authorization", "x-api-key"]) {
        const found: number[] = [];
        for (const name of CREDENTIALS) {
          const headers = new Headers({ "content-type": "application/json" });
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
