// What browsers are told beside the answer: CORS, HSTS, and the policies of pages.

import assert from "node:assert/strict";
import type { Scope } from "../lib/auth/scope.ts";
import { testServer } from "./postgres.ts";
import { portOf, startTailpost, type TestTailpost } from "./server.ts";
import { talk } from "./socket.ts";
import { makeToken } from "./tokens.ts";

const postgres = await testServer();
const TOKENS = ["--auth", "token"];
const NAMED = "https://app.example";

async function headersOf(tailpost: TestTailpost, path: string, init: RequestInit = {}) {
  const response = await fetch(tailpost.url + path, { redirect: "manual", ...init });
  await response.body?.cancel();
  const { status, headers } = response;
  return { status, headers };
}

const token = ({ sql }: TestTailpost, scope: Scope) => makeToken(sql, { scope });

const corsOf = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith("access-control-"));

/** What looks like the named origin, and is not. */
const LOOK_ALIKES = [
  "null",
  "http://app.example",
  "https://app.example:8443",
  "https://app.example:443",
  "https://APP.example",
  "https://app.example.evil.example",
  "https://evil-app.example",
  "https://evil.example/https://app.example",
  "https://app.example/",
  "https://app.example.",
  "https://app.example, https://evil.example",
  "*",
  "",
];

Deno.test("no other origin may use the API unless it is named", async () => {
  await using tailpost = await startTailpost(postgres, { args: TOKENS });
  const key = await token(tailpost, "read");
  for (const origin of [NAMED, "null", tailpost.url]) {
    const { status, headers } = await headersOf(tailpost, "/api/logs", {
      headers: { origin, "x-api-key": key },
    });
    assert.equal(status, 200);
    assert.deepEqual(corsOf(headers), []);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    const preflight = await headersOf(tailpost, "/api/logs", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "GET" },
    });
    assert.deepEqual([preflight.status, corsOf(preflight.headers)], [401, []]);
  }
});

Deno.test("a named origin uses the API with tokens, and nothing that looks like it does", async () => {
  await using tailpost = await startTailpost(postgres, {
    args: TOKENS,
    env: { TAILPOST_CORS_ORIGINS: `http://localhost:3000, ${NAMED}` },
  });
  const [read, ingest] = [await token(tailpost, "read"), await token(tailpost, "ingest")];
  const preflight = (origin: string, path = "/api/logs") =>
    headersOf(tailpost, path, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key",
      },
    });
  const post = (origin: string, headers: Record<string, string>) =>
    headersOf(tailpost, "/api/logs", {
      method: "POST",
      headers: { origin, "sec-fetch-site": "cross-site", "content-type": "application/json", ...headers },
      body: '{"message":"m"}',
    });
  for (const origin of [NAMED, "http://localhost:3000"]) {
    const asked = await preflight(origin);
    assert.equal(asked.status, 204);
    assert.equal(asked.headers.get("access-control-allow-origin"), origin);
    assert.match(asked.headers.get("access-control-allow-headers") ?? "", /Authorization.*X-API-Key/u);
    assert.equal(asked.headers.get("access-control-allow-methods"), "GET, POST, PUT, DELETE");
    const got = await headersOf(tailpost, "/api/logs", { headers: { origin, "x-api-key": read } });
    const stored = await post(origin, { authorization: `Bearer ${ingest}` });
    const refused = await headersOf(tailpost, "/api/logs", { headers: { origin } });
    assert.deepEqual([got.status, stored.status, refused.status], [200, 201, 401]);
    for (const { headers } of [asked, got, stored, refused]) {
      assert.equal(headers.get("access-control-allow-origin"), origin);
      assert.equal(headers.get("cross-origin-resource-policy"), "cross-origin");
      assert.match(headers.get("vary") ?? "", /\bOrigin\b/u);
      // With it a browser would send cookies along.
      assert.equal(headers.get("access-control-allow-credentials"), null);
    }
  }
  for (const origin of LOOK_ALIKES) {
    const answers = [
      await preflight(origin),
      await headersOf(tailpost, "/api/logs", { headers: { origin, "x-api-key": read } }),
      await post(origin, { authorization: `Bearer ${ingest}` }),
    ];
    assert.deepEqual(answers.map(({ status }) => status), [401, 200, 403], origin);
    for (const { headers } of answers) {
      assert.deepEqual(corsOf(headers), [], origin);
      assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
      assert.match(headers.get("vary") ?? "", /\bOrigin\b/u);
    }
  }
  // Only the API is open, and a write without a token is another site's.
  for (const path of ["/login", "/logs/live", "/metrics", "/apix"]) {
    const { headers } = await preflight(NAMED, path);
    assert.deepEqual(corsOf(headers), [], path);
  }
  assert.equal((await post(NAMED, {})).status, 403);
  assert.equal((await post(NAMED, { cookie: "tailpost=x" })).status, 403);
  const signIn = await headersOf(tailpost, "/login", {
    method: "POST",
    headers: { origin: NAMED, "x-api-key": read, "content-type": "application/x-www-form-urlencoded" },
    body: `token=${read}`,
  });
  assert.equal(signIn.status, 403);
});

Deno.test("without sign-in a named origin writes as well", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_CORS_ORIGINS: NAMED } });
  const post = (origin: string) =>
    headersOf(tailpost, "/api/logs", {
      method: "POST",
      headers: { origin, "sec-fetch-site": "cross-site", "content-type": "application/json" },
      body: '{"message":"m"}',
    });
  assert.deepEqual([(await post(NAMED)).status, (await post("https://b.example")).status], [201, 403]);
});

/** Asks for a host of one's own, which `fetch` does not let one name. */
async function head(tailpost: TestTailpost, host: string, forwarded: string | null): Promise<string> {
  const proto = forwarded === null ? "" : `X-Forwarded-Proto: ${forwarded}\r\n`;
  const text = `GET /login HTTP/1.1\r\nHost: ${host}\r\n${proto}Connection: close\r\n\r\n`;
  return (await talk(portOf(tailpost), text)).text.split("\r\n\r\n", 1)[0] ?? "";
}

Deno.test("HSTS is sent behind TLS, for names that are not this machine's alone", async () => {
  const hsts = /^strict-transport-security: max-age=31536000\r?$/imu;
  {
    await using tailpost = await startTailpost(postgres, {
      args: TOKENS,
      env: { TAILPOST_TRUSTED_PROXY: "127.0.0.1" },
    });
    assert.match(await head(tailpost, "logs.example.org", "https"), hsts);
    assert.match(await head(tailpost, "192.0.2.7:8443", "https"), hsts);
    assert.doesNotMatch(await head(tailpost, "logs.example.org", "http"), hsts);
    assert.doesNotMatch(await head(tailpost, "logs.example.org", null), hsts);
    for (const host of ["localhost:8000", "app.localhost", "127.0.0.1", "127.1.2.3", "[::1]:8000"]) {
      assert.doesNotMatch(await head(tailpost, host, "https"), hsts, host);
    }
  }
  // From anybody the header is nobody's word.
  await using tailpost = await startTailpost(postgres, { args: TOKENS });
  assert.doesNotMatch(await head(tailpost, "logs.example.org", "https"), hsts);
});

Deno.test("every answer has its policies, and every page one that allows inline only what carries its nonce", async () => {
  await using tailpost = await startTailpost(postgres, { args: TOKENS });
  const authorization = `Bearer ${await token(tailpost, "admin")}`;
  const pages = ["/logs/live", "/login", "/settings/tokens", "/nothing", "/login?code=x"];
  const others = ["/", "/healthz", "/readyz", "/metrics", "/api/logs", "/api/nothing", "/styles.css"];
  const nonces = new Set<string>();
  for (const path of [...pages, ...others]) {
    const response = await fetch(tailpost.url + path, { redirect: "manual", headers: { authorization } });
    const { headers } = response;
    const html = await response.text();
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin", path);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", path);
    assert.match(headers.get("permissions-policy") ?? "", /camera=\(\).*geolocation=\(\)/u, path);
    assert.equal(headers.get("strict-transport-security"), null, path);
    const policy = headers.get("content-security-policy") ?? "";
    assert.doesNotMatch(policy, /unsafe|\*/u, path);
    for (
      const part of [
        "default-src 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
      ]
    ) {
      assert.ok(policy.includes(part), `${path}: ${part}`);
    }
    if (!pages.includes(path)) continue;
    assert.match(headers.get("content-type") ?? "", /^text\/html/u, path);
    const [, nonce = ""] = /script-src 'self' 'nonce-([\w+/=-]{16,})'/u.exec(policy) ?? [];
    assert.ok(nonce !== "" && !nonces.has(nonce), `${path}: ${policy}`);
    nonces.add(nonce);
    for (const [tag] of html.matchAll(/<(?:script|style)\b[^>]*>/gu)) {
      assert.ok(tag.includes(`nonce="${nonce}"`), `${path}: ${tag}`);
    }
    assert.doesNotMatch(html, /<[^>]+\s(?:on[a-z]+|style)\s*=/iu, path);
  }
});
