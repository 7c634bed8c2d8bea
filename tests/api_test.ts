import assert from "node:assert/strict";
import { testServer } from "./postgres.ts";
import { startTailpost, type TestTailpost } from "./server.ts";

const postgres = await testServer();

const JSON_TYPE = { "Content-Type": "application/json" };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- asserted on right away
  readonly body: any;
}

async function ask(tailpost: TestTailpost, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(tailpost.url + path, { redirect: "manual", ...init });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

function post(
  tailpost: TestTailpost,
  body: unknown,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Answer> {
  const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return ask(tailpost, "/api/logs", { method: "POST", headers, body: text as BodyInit });
}

async function stored(tailpost: TestTailpost): Promise<number> {
  const [row] = await tailpost.sql<{ count: number }[]>`select count(*)::int as count from logs`;
  return row?.count ?? -1;
}

Deno.test("POST /api/logs stores what it takes and answers 201 with the ids in order", async (t) => {
  await using tailpost = await startTailpost(postgres);

  await t.step("one log, with the defaults", async () => {
    const { status, body } = await post(tailpost, { message: "Hello live tail", level: "info" });
    assert.equal(status, 201);
    assert.deepEqual(body, { accepted: 1, ids: [1] });
    const { body: log } = await ask(tailpost, "/api/logs/1");
    assert.equal(log.service, "default");
    assert.equal(log.metadata, null);
    assert.ok(Math.abs(Date.parse(log.timestamp) - Date.now()) < 60_000);
  });

  await t.step("an array, with every field", async () => {
    const { status, body } = await post(tailpost, [
      {
        message: "a",
        level: "WARNING",
        service: "api",
        timestamp: "2026-01-31T12:00:00+02:00",
        metadata: { a: [1] },
      },
      { message: "b", timestamp: 1769860800123 },
    ]);
    assert.equal(status, 201);
    assert.deepEqual(body, { accepted: 2, ids: [2, 3] });
    assert.deepEqual((await ask(tailpost, "/api/logs/2")).body, {
      id: 2,
      timestamp: "2026-01-31T10:00:00.000Z",
      level: "warn",
      service: "api",
      message: "a",
      metadata: { a: [1] },
    });
    assert.equal((await ask(tailpost, "/api/logs/3")).body.timestamp, "2026-01-31T12:00:00.123Z");
  });

  await t.step("NDJSON", async () => {
    const { status, body } = await post(tailpost, '{"message":"c"}\n\n{"message":"d"}\r\n', {
      "Content-Type": "application/x-ndjson; charset=utf-8",
    });
    assert.equal(status, 201);
    assert.deepEqual(body, { accepted: 2, ids: [4, 5] });
  });

  await t.step("what PostgreSQL's text cannot hold, made storable", async () => {
    const metadata = { "k\0": "v\0", deep: [{ "\ud800": 1 }], literal: "\\u0000" };
    const { status, body } = await post(tailpost, { message: "nul \0 and \ud800 half", metadata });
    assert.equal(status, 201);
    const { body: log } = await ask(tailpost, `/api/logs/${body.ids[0]}`);
    assert.equal(log.message, "nul \u2400 and \ufffd half");
    assert.deepEqual(log.metadata, { "k\u2400": "v\u2400", deep: [{ "\ufffd": 1 }], literal: "\\u0000" });
  });

  await t.step("a message of 1 MiB, whole by its id and a preview in the list", async () => {
    const message = "é".repeat(512 * 1024);
    const { status, body } = await post(tailpost, { message });
    assert.equal(status, 201);
    const { body: whole } = await ask(tailpost, `/api/logs/${body.ids[0]}`);
    assert.equal(whole.message, message);
    assert.equal("truncated" in whole, false);
    const { body: page } = await ask(tailpost, "/api/logs?limit=1");
    assert.equal(page.logs[0].truncated, true);
    assert.ok(message.startsWith(page.logs[0].message));
  });
});

Deno.test("POST /api/logs refuses bad input with every problem named, and stores nothing", async (t) => {
  await using tailpost = await startTailpost(postgres);

  interface Refusal {
    readonly name: string;
    readonly body: unknown;
    readonly status: number;
    readonly code: string;
    readonly details?: readonly [index: number, path: string][];
    readonly headers?: Record<string, string>;
  }
  const refusals: Refusal[] = [
    { name: "malformed JSON", body: '{"message":', status: 400, code: "bad_json" },
    { name: "an empty body", body: "", status: 400, code: "bad_json" },
    {
      name: "a body that is not UTF-8",
      body: new Uint8Array([0x22, 0xff, 0x22]),
      status: 400,
      code: "bad_input",
    },
    { name: "an empty batch", body: [], status: 400, code: "bad_input" },
    { name: "a text", body: '"hello"', status: 400, code: "bad_input", details: [[0, ""]] },
    { name: "null", body: "null", status: 400, code: "bad_input", details: [[0, ""]] },
    { name: "no message", body: {}, status: 400, code: "bad_input", details: [[0, "message"]] },
    {
      name: "an empty message",
      body: { message: "" },
      status: 400,
      code: "bad_input",
      details: [[0, "message"]],
    },
    {
      name: "wrong types everywhere",
      body: { message: 1, level: 2, service: {}, timestamp: true, metadata: [] },
      status: 400,
      code: "bad_input",
      details: [[0, "message"], [0, "level"], [0, "service"], [0, "timestamp"], [0, "metadata"]],
    },
    {
      name: "unknown fields",
      body: { message: "x", msg: "y", tags: [] },
      status: 400,
      code: "bad_input",
      details: [[0, "msg"], [0, "tags"]],
    },
    {
      name: "an unknown level",
      body: { message: "x", level: "loud" },
      status: 400,
      code: "bad_input",
      details: [[0, "level"]],
    },
    {
      name: "times that are none",
      body: [{ message: "x", timestamp: "yesterday" }, { message: "x", timestamp: 9e15 }, {
        message: "x",
        timestamp: "2026-02-30T00:00:00Z",
      }],
      status: 400,
      code: "bad_input",
      details: [[0, "timestamp"], [1, "timestamp"], [2, "timestamp"]],
    },
    {
      name: "a mixed batch",
      body: [{ message: "good" }, { message: "" }, { message: "good" }, 5],
      status: 400,
      code: "bad_input",
      details: [[1, "message"], [3, ""]],
    },
    {
      name: "a bad line of NDJSON",
      body: '{"message":"good"}\n{"message"\n',
      headers: { "Content-Type": "application/x-ndjson" },
      status: 400,
      code: "bad_json",
    },
    {
      name: "a message over 1 MiB",
      body: { message: "x".repeat(1024 * 1024 + 1) },
      status: 413,
      code: "too_large",
    },
    {
      name: "a body over 5 MiB",
      body: { message: "x".repeat(5 * 1024 * 1024) },
      status: 413,
      code: "too_large",
    },
    {
      name: "another content type",
      body: "message=x",
      headers: { "Content-Type": "text/plain" },
      status: 415,
      code: "unsupported_media_type",
    },
    {
      name: "a compressed body",
      body: { message: "x" },
      headers: { ...JSON_TYPE, "Content-Encoding": "gzip" },
      status: 415,
      code: "unsupported_media_type",
    },
    {
      name: "metadata nested without end",
      body: `{"message":"x","metadata":${'{"a":'.repeat(5000)}1${"}".repeat(5000)}}`,
      status: 400,
      code: "bad_input",
      details: [[0, "metadata"]],
    },
    {
      name: "a page of another site",
      body: { message: "x" },
      headers: { ...JSON_TYPE, Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" },
      status: 403,
      code: "forbidden",
    },
  ];
  for (const { name, body, headers, status, code, details } of refusals) {
    await t.step(name, async () => {
      const answer = await post(tailpost, body, headers);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.error.code, code);
      assert.ok(answer.body.error.message.length > 0);
      if (details) {
        const named = answer.body.error.details.map((
          detail: { index: number; path: string },
        ) => [detail.index, detail.path]);
        assert.deepEqual(named, details);
      }
    });
  }
  assert.equal(await stored(tailpost), 0);
});

Deno.test("an endless body is cut off at 5 MiB", async () => {
  await using tailpost = await startTailpost(postgres);
  let sent = 0;
  const chunk = new TextEncoder().encode(" ".repeat(64 * 1024));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += chunk.byteLength;
      if (sent > 64 * 1024 * 1024) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const status = await fetch(`${tailpost.url}/api/logs`, { method: "POST", headers: JSON_TYPE, body }).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    // The server may hang up before the answer could be read: all the same to the sender.
    () => 413,
  );
  assert.equal(status, 413);
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
  assert.equal((await ask(tailpost, "/healthz")).status, 200);
});

Deno.test("GET /api/logs pages through history, newest first", async () => {
  await using tailpost = await startTailpost(postgres);
  const { sql } = tailpost;
  await sql`insert into logs (message, level, service)
    select 'number ' || i, case when i % 2 = 0 then 'ERR' else 'info' end, 'service ' || i % 3 from generate_series(1, 25) i`;
  await sql`insert into logs (message, organization_id) values ('not yours', 2)`;

  const seen: number[] = [];
  let path = "/api/logs?limit=10";
  for (;;) {
    const { body } = await ask(tailpost, path);
    seen.push(...body.logs.map((log: { id: number }) => log.id));
    if (body.next === null) break;
    path = `/api/logs?limit=10&before=${body.next}`;
  }
  assert.deepEqual(seen, Array.from({ length: 25 }, (_, i) => 25 - i));

  const ids = async (query: string) =>
    (await ask(tailpost, `/api/logs?${query}`)).body.logs.map((log: { id: number }) => log.id);
  assert.deepEqual(await ids("after=23"), [25, 24]);
  assert.deepEqual(await ids("after=10&before=13"), [12, 11]);
  assert.deepEqual(await ids("level=error&service=service%200"), [24, 18, 12, 6]);
  assert.deepEqual(await ids("q=NUMBER%202&not=/2[0-4]/"), [25, 2]);
  assert.deepEqual(await ids("organizationId=2"), [26]);
  assert.equal((await ask(tailpost, "/api/logs/26")).status, 404);
  assert.equal((await ask(tailpost, "/api/logs/26?organizationId=2")).body.message, "not yours");
});

Deno.test("every path answers wrong parameters, methods and names with JSON", async (t) => {
  await using tailpost = await startTailpost(postgres);
  const cases: [method: string, path: string, status: number, code: string][] = [
    ["GET", "/api/logs?limit=0", 400, "bad_parameter"],
    ["GET", "/api/logs?limit=1001", 400, "bad_parameter"],
    ["GET", "/api/logs?before=x", 400, "bad_parameter"],
    ["GET", "/api/logs?organizationId=0", 400, "bad_parameter"],
    ["GET", "/api/logs?organizationId=1;drop table logs", 400, "bad_parameter"],
    ["GET", "/api/logs?level=loud", 400, "bad_filter"],
    ["GET", "/api/logs?q=/(/", 400, "bad_filter"],
    ["GET", `/api/logs?not=${"x".repeat(1001)}`, 400, "bad_filter"],
    ["GET", "/api/logs/999", 404, "not_found"],
    ["GET", "/api/logs/abc", 404, "not_found"],
    ["GET", "/api/logs/99999999999999999999", 404, "not_found"],
    ["GET", "/api/logs/stream?tail=1001", 400, "bad_parameter"],
    ["GET", "/api/logs/stream?level=loud", 400, "bad_filter"],
    ["GET", "/api/logs/stream?lastEventId=latest", 400, "bad_cursor"],
    ["GET", "/api/logs/stream?lastEventId=5:4:", 400, "bad_cursor"],
    ["GET", "/api/nothing", 404, "not_found"],
    ["DELETE", "/api/logs", 405, "method_not_allowed"],
    ["POST", "/api/logs/1", 405, "method_not_allowed"],
    ["PUT", "/api/logs/stream", 405, "method_not_allowed"],
    ["POST", "/healthz", 405, "method_not_allowed"],
  ];
  for (const [method, path, status, code] of cases) {
    await t.step(`${method} ${path.slice(0, 60)}`, async () => {
      const answer = await ask(tailpost, path, { method });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.error.code, code);
      assert.equal(answer.headers.get("cache-control"), "no-store");
    });
  }
  assert.doesNotMatch(tailpost.output(), /failed/u);
});

Deno.test("GET /healthz, /readyz, /metrics and / answer", async () => {
  await using tailpost = await startTailpost(postgres);
  assert.equal((await ask(tailpost, "/healthz")).status, 200);
  assert.equal((await ask(tailpost, "/readyz")).status, 200);
  await post(tailpost, [{ message: "a" }, { message: "b" }]);
  const metrics = await ask(tailpost, "/metrics");
  assert.equal(metrics.status, 200);
  assert.match(metrics.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/u);
  assert.match(metrics.body, /^tailpost_logs_ingested_total 2$/mu);
  assert.match(metrics.body, /^tailpost_listener_connected 1$/mu);
  const root = await ask(tailpost, "/");
  assert.equal(root.status, 302);
  assert.equal(root.headers.get("location"), "/logs/live");
});

Deno.test("GET /logs/live is a page under a strict policy, and unknown pages are 404", async () => {
  await using tailpost = await startTailpost(postgres);
  const page = await ask(tailpost, "/logs/live");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/u);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /script-src 'self' 'nonce-[^']+'/u);
  assert.doesNotMatch(policy, /unsafe-inline|upgrade-insecure-requests/u);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  const missing = await ask(tailpost, "/nothing/here");
  assert.equal(missing.status, 404);
  assert.match(missing.headers.get("content-type") ?? "", /^text\/html/u);
});

Deno.test("GET /api/logs/values tells what the newest logs hold, and shares its answers", async () => {
  await using tailpost = await startTailpost(postgres);
  await post(tailpost, [
    { message: "a", service: "api", level: "error", metadata: { user: { id: 42 } } },
    { message: "b", service: "api" },
  ]);
  const expected = {
    levels: { error: 1, info: 1 },
    services: [{ value: "api", count: 2 }],
    metadata: [{ path: "user.id", count: 1, examples: ["42"] }],
    of: 2,
  };
  const values = (query = "") => ask(tailpost, `/api/logs/values${query}`);
  const answers = await Promise.all(Array.from({ length: 20 }, () => values()));
  for (const { status, body, headers } of answers) {
    assert.deepEqual([status, body, headers.get("cache-control")], [200, expected, "no-store"]);
  }
  // As many as ask may be answered from memory: the database is not asked for each.
  await tailpost.sql`alter table logs rename to logs_away`;
  assert.deepEqual((await values("?organizationId=1")).body, expected);
  // Of another organization nothing is known, and the table is away.
  assert.equal((await values("?organizationId=2")).status, 500);
  await tailpost.sql`alter table logs_away rename to logs`;
  assert.equal((await values("?organizationId=2")).body.of, 0);
});

Deno.test("GET /api/logs/rate counts logs by level and time, under the filter", async () => {
  await using tailpost = await startTailpost(postgres);
  await post(tailpost, [
    { message: "a", timestamp: "2026-01-01T00:00:00.500Z", service: "api" },
    { message: "b", timestamp: "2026-01-01T00:00:01.500Z", level: "error" },
    { message: "c", timestamp: "2026-01-01T00:00:01.900Z", level: "error", service: "api" },
  ]);
  const rate = (query: string) => ask(tailpost, `/api/logs/rate?${query}`);
  const range = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:02Z&buckets=2";
  const from = Date.parse("2026-01-01T00:00:00Z");
  const { status, body, headers } = await rate(range);
  assert.deepEqual([status, headers.get("cache-control")], [200, "no-store"]);
  assert.deepEqual(body, {
    from,
    to: from + 2000,
    step: 1000,
    levels: { info: [1, 0], error: [0, 2] },
    partial: false,
    since: null,
    last: 3,
  });
  assert.deepEqual((await rate(`${range}&service=api`)).body.levels, { info: [1, 0], error: [0, 1] });
  assert.deepEqual((await rate(`${range}&q=/b/`)).body.levels, { error: [0, 1] });
  assert.deepEqual((await rate(`${range}&organizationId=2`)).body.last, null);
  assert.equal((await rate("")).body.step, 15_000);
  for (const bad of ["from=yesterday", "buckets=301", "level=loud", "from=5&to=5"]) {
    assert.equal((await rate(bad)).status, 400, bad);
  }
});
