// Limits, on the real program: what is over one is refused, told why, and counted.

import assert from "node:assert/strict";
import { createToken } from "../lib/auth/token.ts";
import type { Scope } from "../lib/auth/scope.ts";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { metric, portOf, startTailpost, type TestTailpost } from "./server.ts";
import { talk } from "./socket.ts";
import { openViewer } from "./sse.ts";
import { makeToken } from "./tokens.ts";

const postgres = await testServer();

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly code: string;
  readonly message: string;
}

async function ask(tailpost: TestTailpost, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(tailpost.url + path, { redirect: "manual", ...init });
  const { status, headers } = response;
  if (headers.get("content-type") === "text/event-stream") {
    await response.body?.cancel();
    return { status, headers, code: "", message: "" };
  }
  const text = await response.text();
  const error = headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text).error : null;
  return { status, headers, code: error?.code ?? "", message: error?.message ?? text };
}

function send(tailpost: TestTailpost, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(tailpost, "/api/logs", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

const refusals = (tailpost: TestTailpost, reason: string, headers = {}) =>
  metric(tailpost, `tailpost_refused_total{reason="${reason}"}`, headers);

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!await holds()) assert.ok(performance.now() < end, `Still not so: ${holds}`);
}

async function token(tailpost: TestTailpost, scope: Scope): Promise<{ "x-api-key": string }> {
  return { "x-api-key": await makeToken(tailpost.sql, { scope }) };
}

/** Sends bytes as they are, and reads until the server closes or the answer's head is complete. */
async function raw(tailpost: TestTailpost, text: string): Promise<string> {
  return (await talk(portOf(tailpost), text.replaceAll("\n", "\r\n"), { until: /\r\n\r\n/u })).text;
}

Deno.test("bodies, batches, messages and metadata are bounded by settings, and nothing of them is stored", async () => {
  await using tailpost = await startTailpost(postgres, {
    env: {
      TAILPOST_MAX_BODY_BYTES: "2048",
      TAILPOST_MAX_BATCH: "3",
      TAILPOST_MAX_MESSAGE_BYTES: "100",
      TAILPOST_MAX_METADATA_BYTES: "50",
      TAILPOST_BODY_SECONDS: "1",
    },
  });
  const log = { message: "m" };
  const cases: [body: unknown, type: string, reason: string, message: RegExp][] = [
    [{ message: "m".repeat(2048) }, "application/json", "body_size", /over 2 KiB/u],
    [[log, log, log, log], "application/json", "batch_size", /more than 3 logs/u],
    [`${JSON.stringify(log)}\n`.repeat(4), "application/x-ndjson", "batch_size", /more than 3 logs/u],
    [{ message: "ä".repeat(51) }, "application/json", "message_size", /1 problem/u],
    [{ message: "m", metadata: { a: "ä".repeat(30) } }, "application/json", "message_size", /1 problem/u],
  ];
  for (const [index, [body, type, reason, message]] of cases.entries()) {
    const before = await refusals(tailpost, reason);
    const answer = await send(tailpost, body, { "content-type": type });
    assert.deepEqual([answer.status, answer.code], [413, "too_large"], `${index}`);
    assert.match(answer.message, message);
    assert.equal(await refusals(tailpost, reason), before + 1, reason);
  }
  const slow = await raw(
    tailpost,
    `POST /api/logs HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 100\n\n{"mes`,
  );
  assert.match(slow, /^HTTP\/1.1 408 /u);
  assert.equal(await refusals(tailpost, "body_time"), 1);
  assert.equal(await metric(tailpost, "tailpost_bodies_bytes"), 0);
  assert.equal((await tailpost.sql`select from logs`).length, 0);
  assert.equal(
    (await send(tailpost, [{ message: "m".repeat(100), metadata: { a: "ä" } }, log, log])).status,
    201,
  );
});

Deno.test("a body may come a byte at a time, and costs no more for it", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_MAX_BODY_BYTES: "300000" } });
  const message = "ä".repeat(20_000) + "m".repeat(70_000);
  const bytes = new TextEncoder().encode(
    `${JSON.stringify({ message })}\n\n${JSON.stringify({ message: "2" })}`,
  );
  const before = await metric(tailpost, "process_resident_memory_bytes");
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: portOf(tailpost) });
  const head = "POST /api/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n" +
    "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
  const chunked = new Uint8Array(6 * bytes.length + 5);
  for (const [index, byte] of bytes.entries()) chunked.set([49, 13, 10, byte, 13, 10], 6 * index);
  chunked.set([48, 13, 10, 13, 10], 6 * bytes.length);
  const writer = connection.writable.getWriter();
  const writing = writer.write(new TextEncoder().encode(head)).then(() => writer.write(chunked));
  const answer = await new Response(connection.readable).text();
  await writing;
  assert.match(answer, /^HTTP\/1.1 201 [^]*"accepted":2/u);
  const [row] = await tailpost.sql`select message from logs order by id limit 1`;
  assert.equal(row?.message, message);
  const grown = await metric(tailpost, "process_resident_memory_bytes") - before;
  // Kept as they come, these chunks are more than 5 GB; what the collector has not come to yet is far less.
  assert.ok(grown < 1e9, `${grown}`);
});

Deno.test("bodies together have bounded room in memory", async () => {
  await using tailpost = await startTailpost(postgres, {
    env: { TAILPOST_MAX_BODY_BYTES: "1048576", TAILPOST_MAX_BODIES_BYTES: "1048576" },
  });
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: portOf(tailpost) });
  const head =
    "POST /api/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(head + " ".repeat(800_000)));
  await until(async () => await metric(tailpost, "tailpost_bodies_bytes") === 800_000);
  const { status, code, headers } = await send(tailpost, { message: "m".repeat(300_000) });
  assert.deepEqual([status, code, headers.get("retry-after")], [503, "busy", "2"]);
  assert.equal(await refusals(tailpost, "body_memory"), 1);
  assert.equal((await send(tailpost, { message: "small" })).status, 201);
  writer.releaseLock();
  connection.close();
  // Whoever hangs up takes no room.
  await until(async () => await metric(tailpost, "tailpost_bodies_bytes") === 0);
  assert.equal((await send(tailpost, { message: "m".repeat(300_000) })).status, 201);
});

Deno.test("a token sends its rate and no more, and is told exactly when to go on", async () => {
  await using tailpost = await startTailpost(postgres, {
    args: ["--auth", "token"],
    env: { TAILPOST_INGEST_RATE: "1", TAILPOST_INGEST_BURST: "100" },
  });
  const [one, two, read] = [
    await token(tailpost, "ingest"),
    await token(tailpost, "ingest"),
    await token(tailpost, "read"),
  ];
  const batch = Array.from({ length: 1100 }, () => ({ message: "m" }));
  // Larger than the burst, and taken all the same.
  assert.equal((await send(tailpost, batch, one)).status, 201);
  const { status, code, message, headers } = await send(tailpost, { message: "m" }, one);
  assert.deepEqual([status, code], [429, "too_many_logs"]);
  const seconds = Number(headers.get("retry-after"));
  assert.ok(seconds > 900 && seconds <= 1001, `${seconds}`);
  assert.ok(message.includes(`again in ${seconds} s`), message);
  assert.equal((await send(tailpost, { message: "m" }, two)).status, 201);
  assert.equal(await refusals(tailpost, "ingest_rate", read), 1);
});

Deno.test("without sign-in an address has a rate, behind a trusted proxy the client's", async () => {
  await using tailpost = await startTailpost(postgres, {
    env: {
      TAILPOST_INGEST_RATE: "1",
      TAILPOST_INGEST_BURST: "100",
      TAILPOST_TRUSTED_PROXY: "127.0.0.1,10.0.0.0/8",
    },
  });
  const batch = Array.from({ length: 1000 }, () => ({ message: "m" }));
  const from = async (forwarded: string) =>
    (await send(tailpost, batch, { "x-forwarded-for": forwarded })).status;
  assert.equal(await from("203.0.113.1"), 201);
  assert.equal(await from("203.0.113.1"), 429);
  // What a client makes up stands before what the proxy adds.
  assert.equal(await from("203.0.113.9, 203.0.113.1"), 429);
  assert.equal(await from("203.0.113.1, 10.1.2.3"), 429);
  assert.equal(await from("203.0.113.1:4711"), 429);
  assert.equal(await from("203.0.113.2"), 201);
  assert.equal(await from("2001:db8::1"), 201);
  assert.equal(await from("[2001:db8::ffff]:443"), 429);
  assert.equal(await from("2001:db8:0:1::1"), 201);
});

Deno.test("a token and an address have so many streams, and a place is free once one ends", async () => {
  await using tailpost = await startTailpost(postgres, {
    args: ["--auth", "token"],
    env: {
      TAILPOST_MAX_VIEWERS_PER_TOKEN: "2",
      TAILPOST_MAX_VIEWERS_PER_ADDRESS: "3",
      TAILPOST_MAX_VIEWERS: "5",
      TAILPOST_TRUSTED_PROXY: "127.0.0.1",
    },
  });
  const tokens = [
    await token(tailpost, "read"),
    await token(tailpost, "read"),
    await token(tailpost, "read"),
  ];
  const headers = (of: number, address: string) => ({ ...tokens[of], "x-forwarded-for": address });
  const url = `${tailpost.url}/api/logs/stream`;
  const refused = async (of: number, address: string) => {
    const { status, code, headers: { get: _, ...__ }, ...answer } = await ask(
      tailpost,
      "/api/logs/stream",
      { headers: headers(of, address) },
    );
    return [status, code, answer.message];
  };
  const first = await openViewer(url, headers(0, "203.0.113.1"));
  await using _second = await openViewer(url, headers(0, "203.0.113.1"));
  const retry = await ask(tailpost, "/api/logs/stream", { headers: headers(0, "203.0.113.2") });
  assert.deepEqual([retry.status, retry.code, retry.headers.get("retry-after")], [
    429,
    "too_many_viewers",
    "10",
  ]);
  await using _third = await openViewer(url, headers(1, "203.0.113.1"));
  assert.deepEqual(await refused(1, "203.0.113.1"), [
    429,
    "too_many_viewers",
    "All 3 streams of your address are taken: close others",
  ]);
  await using _fourth = await openViewer(url, headers(1, "203.0.113.2"));
  await using _fifth = await openViewer(url, headers(2, "203.0.113.2"));
  assert.deepEqual(await refused(2, "203.0.113.3"), [503, "too_many_viewers", "All 5 streams are taken"]);
  for (const reason of ["viewers", "viewers_of_token", "viewers_of_address"]) {
    assert.equal(await refusals(tailpost, reason, tokens[0]), 1, reason);
  }
  // A filter that is refused, and a viewer that leaves, keep no place.
  await first[Symbol.asyncDispose]();
  await until(async () => await metric(tailpost, "tailpost_viewers", tokens[0]) === 4);
  const bad = await ask(tailpost, "/api/logs/stream?q=/(/", { headers: headers(0, "203.0.113.1") });
  assert.equal(bad.status, 400);
  await using _again = await openViewer(url, headers(0, "203.0.113.1"));
});

Deno.test("so many requests are at work in the database, so many wait, and a query has its time", async () => {
  await using tailpost = await startTailpost(postgres, {
    env: {
      TAILPOST_MAX_WORKING: "1",
      TAILPOST_MAX_WAITING: "1",
      TAILPOST_WAIT_SECONDS: "60",
      TAILPOST_TRUSTED_PROXY: "127.0.0.1",
    },
  });
  const locked = Promise.withResolvers<void>();
  const unlock = Promise.withResolvers<void>();
  const locking = tailpost.sql.begin(async (sql) => {
    await sql`lock table logs in access exclusive mode`;
    locked.resolve();
    await unlock.promise;
  });
  await locked.promise;
  const reading = ask(tailpost, "/api/logs");
  await until(async () => await metric(tailpost, "tailpost_requests_working") === 1);
  const writing = send(tailpost, { message: "m" });
  await until(async () => await metric(tailpost, "tailpost_requests_waiting") === 1);
  // Whoever has so many waiting is told so; for others there is no place at the moment.
  const tried: [address: string, expected: number][] = [["127.0.0.1", 429], ["203.0.113.1", 503]];
  for (const path of ["/api/logs", "/api/logs/1"]) {
    for (const [address, expected] of tried) {
      const { status, code, headers } = await ask(tailpost, path, {
        headers: { "x-forwarded-for": address },
      });
      assert.deepEqual([status, code, headers.get("retry-after")], [expected, "busy", "2"]);
    }
  }
  assert.equal(await refusals(tailpost, "queue_full"), 4);
  unlock.resolve();
  await locking;
  assert.deepEqual([(await reading).status, (await writing).status], [200, 201]);
  assert.equal(await metric(tailpost, "tailpost_requests_working"), 0);
});

Deno.test("a query ends at its time, and its answer says so", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_QUERY_TIMEOUT_SECONDS: "1" } });
  const asked = Promise.withResolvers<void>();
  const locking = tailpost.sql.begin(async (sql) => {
    await sql`lock table logs in access exclusive mode`;
    await asked.promise;
  });
  let answer: Answer;
  // Long before the default.
  const signal = AbortSignal.timeout(20_000);
  try {
    do answer = await ask(tailpost, "/api/logs", { signal }); while (answer.status === 200);
  } finally {
    asked.resolve();
    await locking;
  }
  assert.deepEqual([answer.status, answer.code], [503, "query_timeout"]);
  assert.equal(answer.headers.get("retry-after"), "2");
  assert.equal(await refusals(tailpost, "query_time"), 1);
  assert.equal((await ask(tailpost, "/api/logs")).status, 200);
});

Deno.test("attempts to sign in that fail are bounded an address, and those that succeed are not", async () => {
  await using tailpost = await startTailpost(postgres, {
    args: ["--auth", "token"],
    env: { TAILPOST_SIGN_IN_ATTEMPTS: "3", TAILPOST_TRUSTED_PROXY: "127.0.0.1" },
  });
  const admin = await token(tailpost, "admin");
  const signIn = (form: Record<string, string>, address: string) =>
    ask(tailpost, "/login", {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { "x-forwarded-for": address },
    });
  const good = { token: admin["x-api-key"] };
  for (let i = 0; i < 5; i++) assert.equal((await signIn(good, "203.0.113.1")).status, 303);
  const bad = [{ token: "tp_wrong" }, { code: "wrong" }, { token: "" }];
  for (const form of bad) assert.equal((await signIn(form, "203.0.113.1")).status, 401);
  const { status, headers, message } = await signIn(good, "203.0.113.1");
  assert.equal(status, 429);
  assert.match(headers.get("retry-after") ?? "", /^(?:1\d|20|[1-9])$/u);
  assert.match(message, /role="alert"[^>]*>Too many attempts to sign in from your address/u);
  assert.equal((await signIn(good, "203.0.113.2")).status, 303);
  assert.equal(await refusals(tailpost, "sign_in", admin), 1);
});

Deno.test("a form that comes too slowly is a 408", async () => {
  await using tailpost = await startTailpost(postgres, {
    args: ["--auth", "token"],
    env: { TAILPOST_BODY_SECONDS: "1" },
  });
  const type = "application/x-www-form-urlencoded";
  const head = `Host: localhost\nContent-Type: ${type}\nContent-Length: 100`;
  assert.match(await raw(tailpost, `POST /login HTTP/1.1\n${head}\n\ntoken=`), /^HTTP\/1.1 408 /u);
});

Deno.test("tokens that are not valid are bounded an address, and those that are known are not", async () => {
  await using tailpost = await startTailpost(postgres, {
    args: ["--auth", "token"],
    env: { TAILPOST_SIGN_IN_ATTEMPTS: "1", TAILPOST_TRUSTED_PROXY: "127.0.0.1" },
  });
  const admin = await token(tailpost, "admin");
  const known = await ask(tailpost, "/api/logs", { headers: admin });
  assert.equal(known.status, 200);
  const statusOf = async (path: string, key: string, address: string) =>
    (await ask(tailpost, path, { headers: { "x-api-key": key, "x-forwarded-for": address } })).status;
  for (let i = 0; i < 10; i++) {
    assert.equal(await statusOf("/api/logs", createToken(), "203.0.113.1"), 401);
  }
  const { status, code, headers } = await ask(tailpost, "/api/logs", {
    headers: { "x-api-key": createToken(), "x-forwarded-for": "203.0.113.1" },
  });
  assert.deepEqual([status, code], [429, "too_many_attempts"]);
  assert.match(headers.get("retry-after") ?? "", /^[1-6]$/u);
  const page = await ask(tailpost, "/logs/live", {
    headers: { "x-api-key": createToken(), "x-forwarded-for": "203.0.113.1" },
  });
  assert.equal(page.status, 429);
  assert.match(page.headers.get("retry-after") ?? "", /^[1-6]$/u);
  assert.equal(await statusOf("/readyz", createToken(), "203.0.113.1"), 200);
  assert.equal(await statusOf("/api/logs", admin["x-api-key"], "203.0.113.1"), 200);
  assert.equal(await statusOf("/api/logs", createToken(), "203.0.113.2"), 401);
  assert.equal(await refusals(tailpost, "sign_in", admin), 2);
});

browserTest(
  "the page says why it has no stream, and has one as soon as there is a place",
  async (_t, browser) => {
    await using tailpost = await startTailpost(postgres, { env: { TAILPOST_MAX_VIEWERS_PER_ADDRESS: "1" } });
    const viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
    const page = await browser.open(`${tailpost.url}/logs/live`);
    const chip = page.locator('.chip[title*="The one stream of your address is taken: close others"]');
    await chip.waitFor();
    assert.equal(await chip.getAttribute("data-status"), "Reconnecting");
    await viewer[Symbol.asyncDispose]();
    await until(async () => await metric(tailpost, "tailpost_viewers") === 0);
    await page.locator(".chip").click();
    await page.locator('.chip[data-status="Live"]').waitFor();
  },
);

Deno.test("query strings and filters are bounded, on the page too", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_MAX_QUERY_LENGTH: "3000" } });
  const long = `?q=${"a".repeat(3000)}`;
  for (const path of ["/api/logs", "/api/logs/stream", "/api/logs/1"]) {
    const { status, code } = await ask(tailpost, path + long);
    assert.deepEqual([status, code], [414, "too_long"], path);
  }
  const page = await ask(tailpost, `/logs/live${long}`);
  assert.equal(page.status, 414);
  assert.match(page.message, /longer than 3000 characters/u);
  assert.equal(await refusals(tailpost, "query_string"), 4);
  const tooMuch = [
    `q=${"a".repeat(1001)}`,
    Array.from({ length: 21 }, (_, i) => `not=${i}`).join("&"),
    Array.from({ length: 101 }, (_, i) => `service=${i}`).join("&"),
  ];
  for (const query of tooMuch) {
    const { status, code } = await ask(tailpost, `/api/logs?${query}`);
    assert.deepEqual([status, code], [400, "bad_filter"], query);
  }
  assert.equal(await refusals(tailpost, "filter"), 3);
});

Deno.test("a server takes smaller filters where it is told to, in history and streams", async () => {
  const env = {
    TAILPOST_MAX_PATTERNS: "1",
    TAILPOST_MAX_PATTERN_LENGTH: "8",
    TAILPOST_MAX_REGEXP_SIZE: "10",
  };
  await using tailpost = await startTailpost(postgres, { env });
  for (const path of ["/api/logs", "/api/logs/stream"]) {
    for (const query of ["q=12345678&not=a", "q=/ab/"]) {
      assert.equal((await ask(tailpost, `${path}?${query}`)).status, 200, query);
    }
    for (const query of ["not=a&not=b", "q=123456789", "not=123456789", "q=/a{50}/", "not=/a{50}/"]) {
      const { status, code } = await ask(tailpost, `${path}?${query}`);
      assert.deepEqual([status, code], [400, "bad_filter"], path + query);
    }
  }
  assert.equal(await refusals(tailpost, "filter"), 10);
});

Deno.test("a server may take no regular expressions at all, and says so", async () => {
  await using tailpost = await startTailpost(postgres, { env: { TAILPOST_MAX_REGEXP_SIZE: "0" } });
  assert.equal((await ask(tailpost, "/api/logs?q=a")).status, 200);
  const { status, message } = await ask(tailpost, "/api/logs?q=/a/");
  assert.deepEqual([status, message], [400, "Regular expressions are not taken here"]);
});
