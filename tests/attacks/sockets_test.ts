// What no client library would send: smuggled requests, odd targets, paths out of the files, slow and idle connections.

import assert from "node:assert/strict";
import { testServer } from "../postgres.ts";
import { startTailpost } from "../server.ts";
import { openViewer } from "../sse.ts";
import { statuses, talk } from "../socket.ts";
import { FOREIGN, startWorld } from "./world.ts";

const postgres = await testServer();

const MARKER = "smuggled-4c1d";

Deno.test("a request in the body of another is never answered as if it came by itself", async () => {
  await using world = await startWorld(postgres);
  const { port, tokens: { ingest, admin } } = world;
  const inner = (closing: string) =>
    `GET /api/logs?q=${MARKER} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: ${admin}\r\n${closing}\r\n`;
  const smuggled = inner("Connection: close\r\n");
  const log = '{"message":"x"}';
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const head = (lines: string) =>
    `POST /api/logs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: ${ingest}\r\nContent-Type: application/json\r\n${lines}\r\n`;
  // By RFC 9112 each of these is one broken request, after which the connection is of no use.
  const broken = [
    head(`Content-Length: 4\r\nContent-Length: ${smuggled.length + 4}\r\n`) + "null" + smuggled,
    head(`Content-Length: 4, ${smuggled.length + 4}\r\n`) + "null" + smuggled,
    head(`Content-Length: +4\r\n`) + "null" + smuggled,
    head(`Content-Length: -4\r\n`) + "null" + smuggled,
    head(`Content-Length: 0x4\r\n`) + "null" + smuggled,
    head(`Content-Length: 4x\r\n`) + "null" + smuggled,
    head(`Content-Length: ${"9".repeat(40)}\r\n`) + smuggled,
    head(`Transfer-Encoding: xchunked\r\n`) + chunk(log) + smuggled,
    head(`Transfer-Encoding: chunked, identity\r\n`) + chunk(log) + smuggled,
    head(`Transfer-Encoding : chunked\r\n`) + chunk(log) + smuggled,
    head(`Content-Length : 4\r\n`) + "null" + smuggled,
    head(` Transfer-Encoding: chunked\r\n`) + chunk(log) + smuggled,
    head(`X: y\r\n Transfer-Encoding: chunked\r\n`) + chunk(log) + smuggled,
    head(`Trans\0fer-Encoding: chunked\r\n`) + chunk(log) + smuggled,
    head(`Transfer-Encoding: chunked\r\n`) + `${log.length.toString(16)}x\r\n${log}\r\n0\r\n\r\n${smuggled}`,
    head(`Transfer-Encoding: chunked\r\n`) + `0x${log.length.toString(16)}\r\n${log}\r\n0\r\n\r\n${smuggled}`,
    head(`Transfer-Encoding: chunked\r\n`) + `-1\r\n${log}\r\n0\r\n\r\n${smuggled}`,
    head(`Transfer-Encoding: chunked\r\n`) + `fffffffffffffffff\r\n${log}\r\n0\r\n\r\n${smuggled}`,
    head(`Transfer-Encoding: chunked\r\n`) + `f\r\n${log}XX0\r\n\r\n${smuggled}`,
    head(`X: a\rTransfer-Encoding: chunked\r\n`) + chunk(log) + smuggled,
  ];
  for (const text of broken) {
    const about = JSON.stringify(text.slice(text.indexOf("json") + 4, text.indexOf("GET")));
    const { text: answer } = await talk(port, text, { seconds: 1, until: /HTTP\/1\.1 [\s\S]*HTTP\/1\.1 / });
    const found = statuses(answer);
    assert.ok(found.length <= 1, `${about}: ${found}`);
    assert.ok(found.every((status) => status >= 400 && status < 500), `${about}: ${found}`);
    assert.ok(!answer.includes(FOREIGN) && !answer.includes('"logs"'), about);
  }
  // Length and chunks at once: chunks count, and where anything follows it is by the framing of the chunks.
  const both =
    head(`Content-Length: ${chunk(log).length + smuggled.length}\r\nTransfer-Encoding: chunked\r\n`) +
    chunk(log);
  const { text: answer } = await talk(port, both + smuggled, { seconds: 1, until: /"logs"/u });
  assert.ok(statuses(answer)[0] === 201 || statuses(answer)[0] === 400, answer.slice(0, 200));
  // What lies inside a body as long as it says is a body.
  for (const prefix of ["", "null", "\r\n\r\n", "0\r\n\r\n"]) {
    const body = prefix + inner("");
    const whole = head(`Content-Length: ${body.length}\r\nConnection: close\r\n`) + body;
    assert.deepEqual(statuses((await talk(port, whole)).text), [400]);
    const chunked = head("Transfer-Encoding: chunked\r\nConnection: close\r\n") + chunk(body);
    assert.deepEqual(statuses((await talk(port, chunked)).text), [400]);
  }
  // A stranger's refused body does not become a request, whether it was read or not.
  const refused =
    `POST /api/logs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`;
  const after = await talk(port, `${refused}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, {
    seconds: 2,
  });
  assert.equal(statuses(after.text)[0], 401);
  assert.ok(statuses(after.text).length <= 2 && !after.text.includes('"logs"'));
  // Not one of them ended up in the table as what it was not.
  assert.equal((await world.ask(`/api/logs?q=${MARKER}`, { token: admin })).text.includes(MARKER), false);
});

Deno.test("credentials belong to one request of a connection, and not to the next", async () => {
  await using world = await startWorld(postgres);
  const get = (lines: string) => `GET /api/logs HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines}\r\n`;
  const token = `X-Api-Key: ${world.tokens.read}\r\n`;
  const all = get(token) + get("") + get(token) + get("Connection: close\r\n");
  assert.deepEqual(statuses((await talk(world.port, all)).text), [200, 401, 200, 401]);
});

Deno.test("odd request lines, targets and hosts are answered, and lead to nobody's site", async () => {
  await using world = await startWorld(postgres);
  const token = `X-Api-Key: ${world.tokens.read}\r\n`;
  const lines = [
    "GET http://evil.example/api/logs HTTP/1.1",
    "GET http://evil.example/ HTTP/1.1",
    "GET //evil.example/ HTTP/1.1",
    "GET /\\evil.example HTTP/1.1",
    "CONNECT evil.example:443 HTTP/1.1",
    "CONNECT / HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "GET * HTTP/1.1",
    "GET evil.example:80 HTTP/1.1",
    "GET ? HTTP/1.1",
    "GET # HTTP/1.1",
    "GET http:// HTTP/1.1",
    "GET http://[::1 HTTP/1.1",
    "GET http://user:pass@evil.example/ HTTP/1.1",
    "TRACE / HTTP/1.1",
    "GET / HTTP/9.9",
    "GET / HTTP/1.0",
    "GET /",
    "get / HTTP/1.1",
    "GET  / HTTP/1.1",
    "G\0T / HTTP/1.1",
    "GET /\0 HTTP/1.1",
    "GET /\u00ff HTTP/1.1",
    `GET /${"a".repeat(100_000)} HTTP/1.1`,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SSH-2.0-x",
    "*1",
    "",
  ]; // deno-fmt-ignore
  const hosts = ["evil.example", "evil.example:99999", "", "a b", "[::1", "127.0.0.1@evil.example", "127.0.0.1\r\nHost: evil.example", "\u00ff", "/", "x".repeat(10_000)];
  const asked = [
    ...lines.map((line) => `${line}\r\nHost: 127.0.0.1\r\n`),
    ...hosts.flatMap((host) =>
      ["/", "/nothing", "/logs/live", "/api/logs"].map((path) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`)
    ),
  ];
  for (const head of asked) {
    for (const credentials of ["", token]) {
      const forwarded =
        "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\nX-Forwarded-User: admin\r\n";
      const { text } = await talk(world.port, `${head}${credentials}${forwarded}Connection: close\r\n\r\n`, {
        seconds: 3,
      });
      const found = statuses(text);
      assert.ok(found.every((status) => status < 500), `${JSON.stringify(head.slice(0, 80))}: ${found}`);
      const location = /^location: (.*)$/imu.exec(text)?.[1]?.trim();
      if (location) {
        assert.equal(
          new URL(location, "http://here.invalid").hostname,
          "here.invalid",
          `${head} leads to ${location}`,
        );
      }
      assert.ok(!/^set-cookie:.*secure/imu.test(text));
      if (credentials === "") assert.ok(!text.includes('"logs"'), head);
      // What the HTTP parser refuses comes without a body. Of ours nothing comes without its policies.
      if (/^content-type:/imu.test(text)) {
        for (const policy of [/^content-security-policy: default-src 'self'/imu, /^cache-control: /imu]) {
          assert.match(text, policy, head.slice(0, 80));
        }
      }
    }
  }
  assert.equal((await world.ask("/healthz")).status, 200);
  // The preface of HTTP/2: answered in HTTP/2 or refused, and never taken for a request of HTTP/1.
  const preface = await talk(world.port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", {
    seconds: 1,
    until: /[\s\S]/u,
  });
  assert.ok(statuses(preface.text).every((status) => status >= 400 && status < 500));
});

Deno.test("without sign-in the server answers to no name that somebody else can make lead to it", async () => {
  await using tailpost = await startTailpost(postgres);
  const port = Number(new URL(tailpost.url).port);
  for (const path of ["/api/logs", "/api/logs/stream", "/logs/live", "/metrics", "/"]) {
    const status = async (host: string) => {
      const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return statuses((await talk(port, request, { until: /\r\n\r\n/u })).text)[0];
    };
    for (
      const host of [
        "evil.example",
        `evil.example:${port}`,
        "localhost.evil.example",
        "127.0.0.1.evil.example",
      ]
    ) {
      assert.equal(await status(host), 403, `${path} ${host}`);
    }
    for (const host of ["localhost", `localhost:${port}`, "127.0.0.1", "[::1]", "tailpost.localhost"]) {
      assert.ok([200, 302].includes(await status(host) ?? 0), `${path} ${host}`);
    }
  }
});

Deno.test("no path leads out of the static files", async () => {
  await using world = await startWorld(postgres);
  const targets = [
    "main.ts",
    "deno.json",
    "_fresh/server.js",
    "etc/passwd",
    "static/styles.css",
    "lib/config.ts",
    ".git/config",
    "proc/self/environ",
  ];
  const ways = [
    "/",
    "/../",
    "/../../../../../../",
    "/..%2f",
    "/..%2f..%2f..%2f..%2f",
    "/%2e%2e/",
    "/%2e%2e%2f",
    "/%252e%252e%252f",
    "/..\\",
    "/..%5c..%5c",
    "/....//",
    "//",
    "///",
    "/./",
    "/static/../",
    "/styles.css/../",
    "/styles.css%00/",
    "/%00",
    "/\\",
    "/%c0%ae%c0%ae/",
    "/%uff0e%uff0e/",
    "/file:///",
    "/C:/",
  ]; // deno-fmt-ignore
  for (const way of ways) {
    for (const target of targets) {
      for (const path of [way + target, `${way}${target}%00.css`, `${way}${target}?__frsh_c=x`]) {
        const { text } = await talk(world.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${world.tokens.read}\r\nConnection: close\r\n\r\n`);
        const [status = 0] = statuses(text);
        assert.ok(status >= 300 && status < 500, `${path}: ${status}`);
        assert.doesNotMatch(text, /root:x:|createServices|"nodeModulesDir"|DATABASE_URL|\[core\]/u, path);
      }
    }
  }
});

Deno.test("the service works on while thousands of connections idle and hundreds are slow", async () => {
  await using world = await startWorld(postgres);
  await using viewer = await openViewer(`${world.url}/api/logs/stream`, { "x-api-key": world.tokens.read });
  // As many as this process and the program may have open: 10,000 where both may.
  const most = Math.min(10_000, Math.max(200, await openFilesLimit() - 500));
  const idle: Deno.Conn[] = [];
  try {
    while (idle.length < most) {
      const more = Array.from(
        { length: Math.min(200, most - idle.length) },
        () => Deno.connect({ port: world.port }),
      );
      for (const result of await Promise.allSettled(more)) {
        if (result.status === "fulfilled") idle.push(result.value);
      }
      if (idle.length === 0) throw new Error("No connection was taken");
    }
    assert.equal(idle.length, most);
    // Hundreds of them begin a request and never end it: in its first line, its headers and its body.
    const beginnings = [
      "G",
      "GET / HT",
      "GET /api/logs HTTP/1.1\r\nHost: x\r\nX-A: ",
      "POST /api/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
      `POST /api/logs HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${world.tokens.ingest}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"m`,
    ]; // deno-fmt-ignore
    const slow = idle.slice(0, 500);
    const hungUp = (await Promise.allSettled(slow.map((conn, i) =>
      conn.write(new TextEncoder().encode(beginnings[i % 5]))
    )))
      .filter(({ status }) =>
        status === "rejected"
      ).length;
    assert.ok(hungUp <= slow.length);
    // Meanwhile whoever is here already and whoever comes now is served.
    for (let i = 0; i < 20; i++) {
      assert.equal((await world.send({ message: `while ${i}` })).status, 201);
      await viewer.untilLog(`while ${i}`);
    }
    assert.equal((await world.ask("/readyz")).status, 200);
  } finally {
    for (const conn of idle) conn.close();
  }
  assert.equal((await world.send({ message: "after" })).status, 201);
  await viewer.untilLog("after");
});

/** How many files a process may have open here; 1024 where the system does not tell. */
async function openFilesLimit(): Promise<number> {
  const limits = await Deno.readTextFile("/proc/self/limits").catch(() => "");
  return Number(/^Max open files\s+(\d+)/mu.exec(limits)?.[1] ?? 1024);
}
