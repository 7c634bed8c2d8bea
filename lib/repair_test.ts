import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { expectedBody, readFacts } from "./database_facts.ts";
import { migrateDown, migrateUp, readMigrations } from "./migrations.ts";
import { inspectRepairs, repair } from "./repair.ts";

const server = await testServer();
const migrations = await readMigrations();

/** What is announced of two inserts: of organization 1, which is watched, and of 2, which is not. */
async function announced(sql: postgres.Sql): Promise<string[]> {
  const heard: string[] = [];
  const end = Promise.withResolvers<void>();
  const listens = await Promise.all([
    sql.listen("end", () => end.resolve()),
    ...["1", "2"].map((id) => sql.listen(`logs_${id}`, () => heard.push(id))),
  ]);
  const [known] = await sql`select to_regproc('tailpost_watch') is not null as known`;
  if (known?.["known"]) await sql`select tailpost_watch(gen_random_uuid(), '{1}')`;
  await sql`insert into logs (organization_id, message) values (1, 'watched')`;
  await sql`insert into logs (organization_id, message) values (2, 'not watched')`;
  await sql.notify("end", "");
  await end.promise;
  await Promise.all(listens.map(({ unlisten }) => unlisten()));
  return heard;
}

const bodyOf = async (sql: postgres.Sql) => (await readFacts(sql)).body;

for (const schema of ["public", `Log's "Store"`]) {
  Deno.test(`repair() makes the trigger for what is watched again, in the schema ${schema}`, async () => {
    await using db = await server.database();
    if (schema !== "public") await db.sql`create schema ${db.sql(schema)}`;
    const sql = postgres(db.url, {
      max: 3,
      onnotice: () => {},
      connection: { search_path: `"${schema.replaceAll('"', '""')}"` },
    });
    await migrateUp(sql);
    assert.deepEqual(await repair(sql), { problem: null, trigger: null, setup: null, foreignLogs: 0 });
    const damages = [
      "drop trigger logs_notify on logs",
      "drop function logs_notify cascade",
      "drop function logs_notify cascade; drop function log_entry cascade",
      "alter table logs disable trigger logs_notify",
      "create or replace function logs_notify() returns trigger language plpgsql as 'begin return null; end'",
      // It is never called.
      `create or replace trigger logs_notify after insert on logs referencing new table as new_logs
        for each statement when (false) execute function logs_notify(1000)`,
      // As it was before.
      migrations.find(({ name }) => name === "notify_watched")?.down ?? "",
    ];
    for (const damage of damages) {
      await sql.unsafe(damage).simple();
      assert.notEqual((await inspectRepairs(sql)).trigger, null, damage);
      await repair(sql);
      assert.deepEqual(await inspectRepairs(sql), {
        problem: null,
        trigger: null,
        setup: null,
        foreignLogs: 0,
      });
      assert.equal(await bodyOf(sql), await expectedBody(migrations));
      assert.deepEqual(await announced(sql), ["1"], damage);
      const [trigger] = await sql`
        select pg_get_triggerdef(oid) as definition from pg_trigger where tgname = 'logs_notify'`;
      // Where nobody watches the function is not called.
      assert.match(trigger?.["definition"], /WHEN [^]*pg_sequence_last_value\(/u, damage);
    }
    await sql.end();
  });

  Deno.test(`migrateDown() gives back the trigger that announces everything, in the schema ${schema}`, async () => {
    await using db = await server.database();
    if (schema !== "public") await db.sql`create schema ${db.sql(schema)}`;
    const sql = postgres(db.url, {
      max: 3,
      onnotice: () => {},
      connection: { search_path: `"${schema.replaceAll('"', '""')}"` },
    });
    await migrateUp(sql, { to: 4 });
    const before = await bodyOf(sql);
    assert.equal(before, await expectedBody(migrations.slice(0, 4)));
    assert.deepEqual(await announced(sql), ["1", "2"]);
    for (let round = 0; round < 2; round++) {
      await migrateUp(sql, { to: 5 });
      assert.deepEqual(await announced(sql), ["1", "2"]);
      await migrateUp(sql, { to: 6 });
      assert.deepEqual(await announced(sql), ["1"]);
      assert.deepEqual((await migrateDown(sql)).map(({ number }) => number), [6]);
      assert.equal(await bodyOf(sql), before);
      assert.deepEqual(await announced(sql), ["1", "2"]);
      assert.deepEqual((await migrateDown(sql)).map(({ number }) => number), [5]);
      assert.deepEqual(await announced(sql), ["1", "2"]);
    }
    await sql.end();
  });
}
