// SQL in every parameter, header and field.

import assert from "node:assert/strict";
import { testServer } from "../postgres.ts";
import { FOREIGN, startWorld, type World } from "./world.ts";

const postgres = await testServer();

const SQL = [
  "'",
  "''",
  '"',
  "\\",
  "\\'",
  "' or 1=1 --",
  "' or '1'='1",
  "1; drop table logs",
  "'; drop table logs; --",
  "1) or (1=1",
  "/*",
  "*/",
  "$$",
  "$1",
  "$tag$x$tag$",
  "${1}",
  "; select pg_sleep(9)",
  "' union select * from tailpost_keys --",
  "\u2019 or 1=1",
  "\uff07 or 1=1",
  "\0",
  "a\0b",
  "%",
  "_",
  "%00",
  "E'\\x27'",
  "U&'\\0027'",
  "1\n;drop table logs",
  'logs_1"; listen x; --',
  "\ud800",
  "\u{10ffff}",
]; // deno-fmt-ignore

const PARAMETERS = ["organizationId", "before", "after", "limit", "level", "service", "q", "not", "not.level", "not.service", "meta.a.b", "not.meta.a", "fields", "filter", "tail", "from", "to", "order", "at", "format", "buckets", "lastEventId", "x"];

/** The tables as they were, and nobody else's rows. */
async function isIntact({ tailpost: { sql } }: World): Promise<void> {
  const [row] = await sql`select
    (select count(*)::int from logs where organization_id = 2) as foreign_logs,
    (select count(*)::int from organizations) as organizations,
    (select count(*)::int from tailpost_tokens) as tokens`;
  assert.deepEqual({ ...row }, { foreign_logs: 1, organizations: 2, tokens: 3 });
}

Deno.test("SQL in every parameter and path is text, and shows nobody else's logs", async () => {
  await using world = await startWorld(postgres);
  for (
    const path of [
      "/api/logs",
      "/api/logs/stream",
      "/api/logs/values",
      "/api/logs/export",
      "/logs/live",
      "/api/logs/1",
      "/api/views",
    ]
  ) {
    for (const name of PARAMETERS) {
      const asked = SQL.map(async (text) => {
        const query = `${path}?${new URLSearchParams({ [name]: text })}`;
        const { status, text: body } = await world.ask(query, { token: world.tokens.read });
        assert.ok(status < 500, `${status} ${query}`);
        assert.ok(!body.includes(FOREIGN), query);
      });
      await Promise.all(asked);
    }
  }
  for (const text of SQL) {
    const { status, text: body } = await world.ask(`/api/logs/${encodeURIComponent(text.toWellFormed())}`, {
      token: world.tokens.admin,
    });
    assert.equal(status, 404, text);
    assert.ok(!body.includes(FOREIGN));
  }
  await isIntact(world);
});

Deno.test("SQL in tokens, cookies and other headers is text", async () => {
  await using world = await startWorld(postgres);
  const cookie = await world.signIn(world.tokens.read);
  // deno-lint-ignore no-control-regex -- what fetch() lets into a header
  for (const text of SQL.filter((text) => /^[\u0001-\u00ff]+$/u.test(text) && !/[\r\n]/u.test(text))) {
    for (
      const name of [
        "authorization",
        "x-api-key",
        "cookie",
        "x-forwarded-for",
        "x-forwarded-user",
        "host",
        "accept",
      ]
    ) {
      for (const value of [text, `Bearer ${text}`, `tailpost=${text}`, `${cookie}x${text}`]) {
        const { status } = await world.ask("/api/logs", { headers: { [name]: value } });
        assert.equal(status, 401, `${name}: ${value}`);
      }
    }
    const { status } = await world.ask("/api/logs", {
      token: world.tokens.read,
      headers: { "last-event-id": text },
    });
    assert.equal(status, 200);
  }
  await isIntact(world);
});

Deno.test("SQL in every field of a log is stored as it is", async () => {
  await using world = await startWorld(postgres);
  for (const text of SQL) {
    const sent = await world.send({ message: text, service: text, metadata: { [text]: [text] } });
    assert.equal(sent.status, 201, sent.text);
    const { text: body } = await world.ask(`/api/logs/${JSON.parse(sent.text).ids[0]}`, {
      token: world.tokens.read,
    });
    const kept = text.replaceAll("\0", "\u2400").toWellFormed();
    const { message, service, metadata } = JSON.parse(body);
    assert.deepEqual({ message, service, metadata }, {
      message: kept,
      service: kept,
      metadata: { [kept]: [kept] },
    });
    for (const field of ["level", "timestamp", "id", "organization_id", text]) {
      const { status } = await world.send({ message: "x", [field]: text });
      assert.equal(status, 400, `${field}: ${text}`);
    }
  }
  await isIntact(world);
});

Deno.test("SQL in every field of a view is stored as it is, and names nobody else's", async () => {
  await using world = await startWorld(postgres);
  const send = (method: string, path: string, body: unknown) =>
    world.ask(`/api/views${path}`, {
      method,
      token: world.tokens.read,
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
  for (const text of SQL) {
    const query = `q=${encodeURIComponent(text.toWellFormed())}`;
    const isName = !/[\n\0]/u.test(text) && text.isWellFormed();
    const { status, text: body } = await send("POST", "", { name: text, query });
    assert.equal(status, isName ? 201 : 400, `${JSON.stringify(text)} ${body}`);
    if (isName) {
      assert.equal(JSON.parse(body).name, text);
      assert.equal(new URLSearchParams(JSON.parse(body).query).get("q"), text);
    }
    for (const method of ["PUT", "DELETE"]) {
      const path = `/${encodeURIComponent(text.toWellFormed())}`;
      assert.equal((await send(method, path, { name: "x" })).status, 404, text);
    }
    assert.equal((await send("POST", "", { name: "y", query: "q=y", isDefault: text })).status, 400);
    assert.equal((await send("POST", "", { name: "y", query: "q=y", [text]: text })).status, 400);
  }
  const { text: list } = await world.ask("/api/views", { token: world.tokens.read });
  assert.ok(!list.includes(FOREIGN));
  const [row] = await world.tailpost
    .sql`select count(*)::int as count from tailpost_views where name = ${FOREIGN}`;
  assert.equal(row?.count, 1);
  await isIntact(world);
});

Deno.test("SQL in the forms makes and revokes nothing", async () => {
  await using world = await startWorld(postgres);
  const cookie = await world.signIn(world.tokens.admin);
  const post = (path: string, form: Record<string, string>) =>
    world.ask(path, { method: "POST", body: new URLSearchParams(form), headers: { cookie } });
  const good = { action: "create", name: "n", scope: "read", organization: "1", expires: "1d" };
  for (const text of SQL) {
    for (
      const form of [{ ...good, scope: text }, { ...good, organization: text }, { ...good, expires: text }]
    ) {
      assert.equal((await post("/settings/tokens", form)).status, 400, JSON.stringify(form));
    }
    const { status } = await post("/settings/tokens", { action: "revoke", id: text });
    assert.equal(status, 400, `revoke ${JSON.stringify(text)}`);
    for (const form of [{ token: text }, { code: text }]) {
      assert.equal((await post("/login", form)).status, 401);
    }
  }
  await isIntact(world);
  assert.equal(
    (await world.ask("/api/logs", { token: world.tokens.read })).status,
    200,
    "a token was revoked",
  );
  // Nothing is the beginning of every token, and so names the only one where there is one.
  await world.tailpost.sql`delete from tailpost_tokens where scope <> 'admin'`;
  assert.equal((await post("/settings/tokens", { action: "revoke", id: "" })).status, 400);
  assert.equal((await world.ask("/api/logs", { token: world.tokens.admin })).status, 200);
  // A name is text. What PostgreSQL cannot hold is refused.
  for (const name of SQL) {
    const { status, text } = await post("/settings/tokens", { ...good, name });
    assert.equal(status, name.includes("\0") ? 400 : 200, `${JSON.stringify(name)} ${text.slice(0, 200)}`);
  }
});

Deno.test("organizationId is a whole number as people write it, or nothing", async () => {
  await using world = await startWorld(postgres);
  const shapes = [
    "-1",
    "0",
    "1e3",
    "0x1",
    "0b1",
    " 1",
    "1 ",
    "+1",
    "1.0",
    "1;",
    "1,2",
    "1_0",
    "\u0661",
    "\uff11",
    "\u00b9",
    "9".repeat(16),
    "9".repeat(400),
    "NaN",
    "Infinity",
    "null",
    "undefined",
    "true",
    "[1]",
    "{}",
    "1\0",
    "1\n",
    "\u20281",
    "-0",
    "9007199254740993",
  ]; // deno-fmt-ignore
  for (const shape of shapes) {
    for (const path of ["/api/logs", "/api/logs/stream", "/api/logs/values", "/api/logs/rate", "/api/logs/1"]) {
      const query = `${path}?organizationId=${encodeURIComponent(shape)}`;
      const { status } = await world.ask(query, { token: world.tokens.admin });
      assert.equal(status, 400, query);
    }
  }
  // Said twice or in another way it is not another organization.
  for (
    const query of [
      "organizationId=1&organizationId=2",
      "organizationid=2",
      "organizationId[]=2",
      "organization_id=2",
    ]
  ) {
    const { text } = await world.ask(`/api/logs?${query}`, { token: world.tokens.read });
    assert.ok(!text.includes(FOREIGN), query);
  }
  const { text } = await world.ask("/api/logs?organizationId=999999999999999", { token: world.tokens.admin });
  assert.deepEqual(JSON.parse(text).logs, []);
});
