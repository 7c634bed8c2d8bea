// Saved views over HTTP, on the real program.

import assert from "node:assert/strict";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";
import { makeToken } from "./tokens.ts";

const postgres = await testServer();

Deno.test("an organization saves, shares, changes and deletes its views, and no other's", async () => {
  await using tailpost = await startTailpost(postgres, { args: ["--auth", "token"] });
  const { sql } = tailpost;
  await sql`insert into organizations (name) values ('other')`;
  const [reader, other, admin] = [
    await makeToken(sql, { name: "reader" }),
    await makeToken(sql, { organizationId: 2 }),
    await makeToken(sql, { scope: "admin" }),
  ];
  const ask = async (token: string, method: string, path: string, body?: unknown) => {
    const response = await fetch(`${tailpost.url}/api/views${path}`, {
      method,
      headers: { "x-api-key": token, "content-type": "application/json" },
      ...body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) },
    });
    const text = await response.text();
    return { status: response.status, json: text === "" ? null : JSON.parse(text) };
  };
  const names = async (token: string, path = "") =>
    (await ask(token, "GET", path)).json.views.map(({ name }: { name: string }) => name);

  const saved = await ask(reader, "POST", "", { name: "Errors", query: "?q=x&level=error", isDefault: true });
  const { id, createdAt, updatedAt, ...rest } = saved.json;
  assert.equal(saved.status, 201);
  assert.deepEqual(rest, { name: "Errors", query: "level=error&q=x", isDefault: true, createdBy: "reader" });
  assert.equal(createdAt, updatedAt);
  assert.deepEqual((await ask(reader, "GET", "")).json, { views: [saved.json] });

  const renamed = await ask(reader, "PUT", `/${id}`, { name: "Worse" });
  assert.deepEqual([renamed.status, renamed.json.name, renamed.json.query], [
    200,
    "Worse",
    "level=error&q=x",
  ]);
  assert.deepEqual(await names(admin), ["Worse"]);
  assert.deepEqual(await names(other), []);
  for (const path of [`/${id}`, "/x", "/-1", `/${"9".repeat(30)}`]) {
    assert.equal((await ask(other, "PUT", path, { name: "taken over" })).status, 404);
    assert.equal((await ask(other, "DELETE", path)).status, 404);
  }
  assert.equal((await ask(other, "GET", "?organizationId=1")).status, 403);
  assert.equal((await ask(other, "POST", "?organizationId=1", { name: "x", query: "q=x" })).status, 403);

  const explained = async (asked: ReturnType<typeof ask>) => {
    const { status, json: { error } } = await asked;
    return [status, error.code, ...error.details.map(({ path }: { path: string }) => path)];
  };
  const post = (body: unknown) => explained(ask(reader, "POST", "", body));
  assert.deepEqual(await post({ name: "Worse", query: "q=y" }), [409, "name_taken"]);
  assert.deepEqual(await post({ name: "", query: "q=y" }), [400, "bad_input", "name"]);
  assert.deepEqual(await post({ name: "y", query: "level=loud" }), [400, "bad_filter", "level"]);
  assert.deepEqual(await post("{"), [400, "bad_json"]);
  assert.deepEqual(await post(`{"name":"${"x".repeat(17_000)}"}`), [413, "too_large"]);
  assert.deepEqual(
    await explained(ask(admin, "POST", "?organizationId=9", { name: "x", query: "q=x" })),
    [404, "not_found"],
  );

  assert.equal((await ask(admin, "POST", "?organizationId=2", { name: "theirs", query: "q=x" })).status, 201);
  assert.deepEqual(await names(other), ["theirs"]);
  assert.equal((await ask(reader, "DELETE", `/${id}`)).status, 204);
  assert.equal((await ask(reader, "DELETE", `/${id}`)).status, 404);
  assert.deepEqual(await names(reader), []);
  // With the organization go its views.
  await sql`delete from organizations where id = 2`;
  assert.deepEqual([...await sql`select from tailpost_views`], []);
});
