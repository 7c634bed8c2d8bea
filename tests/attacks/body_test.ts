// Bodies that are too large, too deep, never end, or are not what they say.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { testServer } from "../postgres.ts";
import { openViewer } from "../sse.ts";
import { startWorld, type World } from "./world.ts";

const postgres = await testServer();
const MIB = 1024 * 1024;

/** Memory of the server, in MiB, by its own metrics. */
const memory = async (world: World) => await world.metric("process_resident_memory_bytes") / MIB;

const count = async ({ tailpost: { sql } }: World) =>
  (await sql`select count(*)::int as count from logs where organization_id = 1`)[0]?.count;

Deno.test("JSON that is deep, huge or odd is refused or stored, and never more than it says", async () => {
  await using world = await startWorld(postgres);
  const deep = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);
  const bodies: [body: string, status: number][] = [
    [deep(100_000, "[", "]"), 400],
    [deep(100_000, '{"a":', "}").replace("}", "1}"), 400],
    [`{"message":"x","metadata":${deep(100_000, '{"a":', "").slice(0, -1)}:1${"}".repeat(100_000)}}`, 400],
    [`{"message":"x","metadata":${deep(101, '{"a":', "")}1${"}".repeat(101)}}`, 400],
    ["[".repeat(1_000_000), 400],
    [`[${"1,".repeat(999_999)}1]`, 413],
    [`[${"[],".repeat(999_999)}[]]`, 413],
    ['{"message":"x","metadata":{"n":1e999,"m":-0,"l":123456789012345678901234567890}}', 201],
    ['{"message":"x","timestamp":1e999}', 400],
    ['{"message":"x","timestamp":8640000000000001}', 400],
    ['{"message":"x","__proto__":{"level":"fatal"}}', 400],
    ['{"message":"x","constructor":{"prototype":{"polluted":1}}}', 400],
    [
      '{"message":"x","metadata":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
      201,
    ],
    ['{"message":"first","message":"second"}', 201],
    ['{"message":"x","metadata":{"toString":1,"hasOwnProperty":null,"":""}}', 201],
    ['{"message":{"toString":"x"}}', 400],
    ['{"message":["x"]}', 400],
    ["", 400],
    ["null", 400],
    ["[]", 400],
    ["\ufeff", 400],
    ["NaN", 400],
    ['{"message":"x"}{"message":"y"}', 400],
  ];
  for (const [body, expected] of bodies) {
    const { status, text } = await world.send(body);
    assert.equal(status, expected, `${body.slice(0, 60)} ${text.slice(0, 300)}`);
    assert.ok(text.length < 200_000, `an answer of ${text.length} characters`);
  }
  const { text } = await world.ask("/api/logs", { token: world.tokens.read });
  assert.ok(!text.includes('"first"') && text.includes('"second"'));
  assert.equal(
    JSON.parse(text).logs.some((log: Record<string, unknown>) => log.polluted !== undefined),
    false,
  );
  assert.equal(await count(world), 5);
});

Deno.test("a body that is packed is refused unread, whatever it would become", async () => {
  await using world = await startWorld(postgres);
  const bomb = new Uint8Array(gzipSync(new Uint8Array(50 * MIB)));
  for (
    const encoding of ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, gzip", "identity, gzip", "x-gzip"]
  ) {
    const { status, headers } = await world.ask("/api/logs", {
      method: "POST",
      token: world.tokens.ingest,
      body: bomb,
      headers: { "content-type": "application/json", "content-encoding": encoding },
    });
    assert.equal(status, 415, encoding);
    assert.equal(headers.get("content-encoding"), null);
  }
});

Deno.test("a body without an end is cut off at the bound, by 40 at once, in bounded memory", async () => {
  await using world = await startWorld(postgres);
  await world.send(`{"message":"${"x".repeat(1000)}"}`);
  const before = await memory(world);
  const chunk = new TextEncoder().encode(" ".repeat(64 * 1024));
  for (const path of ["/api/logs", "/api/views", "/login", "/settings/tokens"]) {
    const sent = Array.from({ length: 40 }, async () => {
      let bytes = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          bytes += chunk.length;
          controller.enqueue(chunk);
        },
      });
      const type = path.startsWith("/api/") ? "application/json" : "application/x-www-form-urlencoded";
      const token = path === "/api/logs" ? world.tokens.ingest : world.tokens.admin;
      // An answer before the end of the body, of its own size or that of all bodies together, or a connection that is cut off.
      const status = await world.ask(path, { method: "POST", token, body, headers: { "content-type": type } })
        .then(({ status }) => status, (error) => error.name);
      assert.ok(status === 413 || status === 503 || status === "TypeError", `${path}: ${status}`);
      assert.ok(bytes < 40 * MIB, `${path} took ${bytes} bytes`);
    });
    await Promise.all(sent);
  }
  assert.equal((await world.send('{"message":"after"}')).status, 201);
  const after = await memory(world);
  assert.ok(after - before < 700, `from ${before} to ${after} MiB`);
});

Deno.test("sizes are counted in bytes, and what is over them is a 413", async () => {
  await using world = await startWorld(postgres);
  assert.equal((await world.send(" ".repeat(5 * MIB + 1))).status, 413);
  assert.equal((await world.send({ message: "x".repeat(MIB) })).status, 201);
  assert.equal((await world.send({ message: "x".repeat(MIB + 1) })).status, 413);
  assert.equal((await world.send({ message: "\u{1f4a9}".repeat(MIB / 4 + 1) })).status, 413);
  assert.equal((await world.send({ message: "x", service: "\u00e9".repeat(33 * 1024) })).status, 400);
  assert.equal((await world.send({ message: "x", metadata: { x: "x".repeat(MIB - 8) } })).status, 201);
  assert.equal((await world.send({ message: "x", metadata: { x: "x".repeat(MIB) } })).status, 413);
});

Deno.test("a regular expression is answered quickly or refused, and holds nobody else up", async () => {
  await using world = await startWorld(postgres);
  const { sql } = world.tailpost;
  await sql`insert into logs (message) select repeat('a', 20000) || '!' from generate_series(1, 100)`;
  const bombs = [
    "(a+)+$",
    "(a*)*b",
    "((a+)+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    "([a-zA-Z]+)*$",
    "(.*){1,1000}x",
    "a{1000}{1000}",
    "(a{1,1000}){1000}",
    "((a{100}){100}){100}",
    `(${"a|".repeat(450)}b)*$`,
    "(\\p{L}+)+$",
    "(?i:(\\w|\\pN)+)+$",
    "(".repeat(400) + "a" + ")".repeat(400),
    "a?".repeat(200) + "a".repeat(200),
    "(?=a)a",
    "\\1(a)",
    "[",
    "(?P<x>a)(?P<x>b)",
    "\\",
    "x{99999}",
    "(?:(?:a*)*)*c",
    "\\b".repeat(300),
    "\\p{Han}{1000}",
  ]; // deno-fmt-ignore
  const viewers: ReadableStream<Uint8Array>[] = [];
  for (const bomb of bombs) {
    for (const name of ["q", "not"]) {
      const query = new URLSearchParams({ [name]: `/${bomb}/`, limit: "10" });
      const { status, text } = await world.ask(`/api/logs?${query}`, { token: world.tokens.read });
      assert.ok(
        status === 200 || status === 400 || status === 503,
        `${name} ${bomb}: ${status} ${text.slice(0, 200)}`,
      );
    }
    const stream = await fetch(`${world.url}/api/logs/stream?${new URLSearchParams({ q: `/${bomb}/` })}`, {
      headers: { "x-api-key": world.tokens.read },
      signal: AbortSignal.timeout(10_000),
    });
    assert.ok(stream.status === 200 || stream.status === 400, bomb);
    if (stream.status === 200 && stream.body) viewers.push(stream.body);
    else await stream.body?.cancel();
  }
  await using live = await openViewer(`${world.url}/api/logs/stream`, { "x-api-key": world.tokens.read });
  await sql`insert into logs (message) select repeat('a', 900) from generate_series(1, 100)`;
  await sql`insert into logs (message) values ('live')`;
  await live.untilLog("live");
  for (const viewer of viewers) await viewer.cancel();
});
