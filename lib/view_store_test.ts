/** Saved views in a real database, as the owner of the tables and behind the wall. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { serverRole } from "../tests/server_role.ts";
import { ApiError } from "./api_error.ts";
import { scoped } from "./log_store/wall.ts";
import { migrateUp } from "./migrations.ts";
import { deleteView, insertView, listViews, readDefaultQuery, updateView } from "./view_store.ts";

const server = await testServer();

async function world() {
  const db = await server.database();
  await migrateUp(db.sql);
  await db.sql`insert into organizations (name) values ('other')`;
  return db;
}

const view = (name: string, more = {}) => ({
  name,
  query: `q=${encodeURIComponent(name)}`,
  isDefault: false,
  createdBy: "somebody",
  ...more,
});

const refused = (code: string) => (error: unknown) => error instanceof ApiError && error.code === code;

for (const who of ["the owner", "the server's role"] as const) {
  Deno.test(`views are saved, changed and deleted by ${who}, each organization's own`, async () => {
    await using db = await world();
    await using role = await serverRole(db);
    const sql = who === "the owner" ? db.sql : role.sql;
    const [one, two] = [scoped(sql, 1), scoped(sql, 2)];
    const b = await insertView(one, 1, view("b"));
    assert.match(b.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
    assert.ok(Math.abs(Date.parse(b.createdAt) - Date.now()) < 60_000);
    assert.deepEqual([b.name, b.query, b.isDefault, b.createdBy], ["b", "q=b", false, "somebody"]);
    const a = await insertView(one, 1, view("A", { isDefault: true }));
    const theirs = await insertView(two, 2, view("b", { isDefault: true, createdBy: null }));
    const names = async () =>
      (await listViews(one, 1)).map(({ name, isDefault }) => isDefault ? `${name}*` : name);
    assert.deepEqual(await names(), ["A*", "b"]);
    assert.equal(await readDefaultQuery(one, 1), "q=A");

    // Another default takes the first one's place, whichever comes first in the table.
    await updateView(one, 1, { id: b.id, isDefault: true });
    assert.deepEqual(await names(), ["A", "b*"]);
    await updateView(one, 1, { id: a.id, isDefault: true });
    assert.deepEqual(await names(), ["A*", "b"]);
    await insertView(one, 1, view("c", { isDefault: true }));
    assert.deepEqual(await names(), ["A", "b", "c*"]);
    const changed = await updateView(one, 1, { id: a.id, name: "z", query: "q=z" });
    assert.deepEqual([changed.name, changed.query, changed.isDefault], ["z", "q=z", false]);
    assert.ok(changed.updatedAt > changed.createdAt);

    await assert.rejects(insertView(one, 1, view("b", { isDefault: true })), refused("name_taken"));
    await assert.rejects(updateView(one, 1, { id: a.id, name: "b", isDefault: true }), refused("name_taken"));
    await assert.rejects(insertView(scoped(sql, 7), 7, view("b")), refused("not_found"));
    // Another organization's, and none: the same answer. The default stays.
    for (const id of [theirs.id, 999_999]) {
      await assert.rejects(updateView(one, 1, { id, name: "x", isDefault: true }), refused("not_found"));
      await assert.rejects(deleteView(one, 1, id), refused("not_found"));
    }
    assert.deepEqual(await names(), ["b", "c*", "z"]);
    assert.deepEqual((await listViews(two, 2)).map(({ name }) => name), ["b"]);

    for (const { id } of await listViews(one, 1)) await deleteView(one, 1, id);
    assert.equal(await readDefaultQuery(one, 1), null);
    assert.equal(await readDefaultQuery(two, 2), "q=b");
  });
}

Deno.test("insertView() keeps 200 for each organization, and the default where there is no room", async () => {
  await using db = await world();
  const one = scoped(db.sql, 1);
  await insertView(one, 1, view("the default", { isDefault: true }));
  await db.sql`
    insert into tailpost_views (organization_id, name, query)
    select 1, 'view ' || n, 'q=x' from generate_series(2, 200) as n`;
  await assert.rejects(insertView(one, 1, view("one more", { isDefault: true })), refused("too_many_views"));
  assert.equal(await readDefaultQuery(one, 1), "q=the%20default");
  assert.equal((await listViews(one, 1)).length, 200);
  await insertView(scoped(db.sql, 2), 2, view("one more"));
});

Deno.test("two who choose a default in the same moment leave one", async () => {
  await using db = await world();
  const one = scoped(db.sql, 1);
  const ids = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => (await insertView(one, 1, view(`view ${i}`))).id),
  );
  for (let round = 0; round < 5; round++) {
    const chosen = await Promise.allSettled(ids.map((id) => updateView(one, 1, { id, isDefault: true })));
    for (const outcome of chosen) {
      if (outcome.status === "rejected") {
        assert.ok(refused("conflict")(outcome.reason), String(outcome.reason));
      }
    }
    assert.ok(chosen.some(({ status }) => status === "fulfilled"));
    assert.equal((await listViews(one, 1)).filter(({ isDefault }) => isDefault).length, 1);
  }
});

Deno.test("behind the wall a statement for somebody else finds, saves, changes and deletes nothing", async () => {
  await using db = await world();
  await using role = await serverRole(db);
  const sql = postgres(role.url, { max: 1, fetch_types: false });
  const { id } = await insertView(scoped(db.sql, 1), 1, view("ours", { isDefault: true }));
  for (const scope of [2, "organizations", "foreign_logs"] as const) {
    const db = scoped(sql, scope);
    assert.equal((await listViews(db, 1)).length, 0);
    assert.equal(await readDefaultQuery(db, 1), null);
    await assert.rejects(insertView(db, 1, view("x")), { code: "42501" });
    await assert.rejects(updateView(db, 1, { id, name: "x" }), refused("not_found"));
    await assert.rejects(deleteView(db, 1, id), refused("not_found"));
  }
  assert.deepEqual([...await sql`select from tailpost_views`], []);
  assert.equal((await sql`delete from tailpost_views`).count, 0);
  assert.deepEqual((await listViews(scoped(sql, 1), 1)).map(({ name }) => name), ["ours"]);
  await sql.end();
});
