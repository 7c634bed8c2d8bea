/** What the trigger announces where not all is watched, and how it is said what is. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { migrateUp } from "../lib/migrations.ts";
import { type TestDatabase, testServer } from "./postgres.ts";

const server = await testServer();

const INSTANCES = Array.from({ length: 40 }, () => crypto.randomUUID());

async function database(): Promise<TestDatabase> {
  const db = await server.database();
  await migrateUp(db.sql);
  return db;
}

const watch = async (sql: postgres.ISql, instance: number, ids: readonly number[]) =>
  (await sql<{ held: boolean }[]>`
    select tailpost_watch(${INSTANCES[instance] ?? ""}, ${`{${ids.join()}}`}::text::bigint[]) as held`)[0]
    ?.held;

const bits = async ({ sql }: Pick<TestDatabase, "sql">) =>
  Number((await sql<{ bits: string }[]>`select logs_watched() as bits`)[0]?.bits);

const bitsOf = (...ids: number[]) => ids.reduce((bits, id) => bits + 2 ** id, 0);

const insert = (sql: postgres.ISql, ...organizations: (number | string)[]) =>
  sql`insert into logs (organization_id, message)
    select id, 'm' from unnest(${`{${organizations.join()}}`}::text::bigint[]) as id`;

/** The organizations that were announced meanwhile, a line each; with "more" behind it where that was said. */
async function announced(
  { sql }: Pick<TestDatabase, "sql">,
  run: () => PromiseLike<unknown>,
  organizations: readonly (number | string)[] = [1, 2, 3, 32, 33, 65],
): Promise<string[]> {
  const heard: string[] = [];
  const end = Promise.withResolvers<void>();
  const listens = await Promise.all([
    sql.listen("end", () => end.resolve()),
    ...organizations.map((id) =>
      sql.listen(`logs_${id}`, (payload) => {
        const { logs = [], more } = JSON.parse(payload);
        heard.push(more ? `${id} more` : `${id}${logs.length === 1 ? "" : ` x ${logs.length}`}`);
      })
    ),
  ]);
  await run();
  await sql.notify("end", "");
  await end.promise;
  await Promise.all(listens.map(({ unlisten }) => unlisten()));
  return heard.sort();
}

/** Makes a role that may log in; it goes with what `run` did. */
async function withRole(
  db: TestDatabase,
  grants: string,
  run: (role: { sql: postgres.Sql; admin: postgres.Sql; name: string }) => Promise<void>,
): Promise<void> {
  const admin = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  const name = `role_${db.name}`;
  await admin.unsafe(`create role ${name} login password 'secret'; ${grants.replaceAll("$role", name)}`);
  const url = Object.assign(new URL(db.url), { username: name, password: "secret" }).href;
  const notices: unknown[] = [];
  const sql = postgres(url, { max: 1, onnotice: (notice) => notices.push(notice) });
  await run({ sql, admin, name });
  assert.deepEqual(notices, []);
  await sql.end();
  await admin.unsafe(`drop owned by ${name}; drop role ${name}`);
  await admin.end();
}

Deno.test("logs_notify() announces what is watched, and what shares its bit", async () => {
  await using db = await database();
  const { sql } = db;
  const all = () => insert(sql, 1, 2, 3, 32, 33, 65);
  const oneByOne = async () => {
    for (const id of [1, 2, 3, 32, 33, 65]) await insert(sql, id);
  };
  for (const run of [all, oneByOne]) {
    assert.deepEqual(await announced(db, run), [], "nobody watches");
    await watch(sql, 0, [4]);
    assert.deepEqual(await announced(db, run), [], "another one is watched");
    await watch(sql, 0, [1]);
    assert.deepEqual(await announced(db, run), ["1", "33", "65"]);
    await watch(sql, 0, [32, 2]);
    assert.deepEqual(await announced(db, run), ["2", "32"]);
    await watch(sql, 0, []);
    assert.deepEqual(await announced(db, run), [], "nobody watches any more");
  }
});

Deno.test("logs_notify() takes organizations of any number", async () => {
  await using db = await database();
  const ids = ["0", "-1", "31", "9223372036854775807", "-9223372036854775808", "9007199254740993"];
  for (const id of ids) {
    await db.sql`select tailpost_watch(${INSTANCES[0] ?? ""}, ${`{${id}}`}::text::bigint[])`;
    assert.deepEqual(await announced(db, () => insert(db.sql, id), [id]), [id]);
    const others = ids.filter((other) => BigInt.asUintN(5, BigInt(other)) !== BigInt.asUintN(5, BigInt(id)));
    assert.deepEqual(await announced(db, () => insert(db.sql, ...others), ids), [], id);
  }
});

Deno.test("logs_notify() announces nothing once what was said has run out", async () => {
  await using db = await database();
  const say = (seconds: number) =>
    db.sql`select setval('tailpost_watched',
      2::bigint << 31 | (extract(epoch from clock_timestamp()) - 1577836800 + ${seconds}::int)::bigint)`;
  await say(60);
  assert.deepEqual(await announced(db, () => insert(db.sql, 1, 2)), ["1"]);
  await say(-2);
  assert.deepEqual(await announced(db, () => insert(db.sql, 1, 2)), []);
});

Deno.test("logs_notify() minds no rights of who inserts, and never fails where its parts are gone", async () => {
  await using db = await database();
  await watch(db.sql, 0, [2]);
  const outside = `
    create schema outside;
    create view outside.logs as select organization_id, message from public.logs;
    alter view outside.logs owner to tailpost;
    grant usage on schema outside to $role;
    grant insert on outside.logs to $role;
    revoke usage on schema public from public;
    grant usage, create on schema public to tailpost`;
  await withRole(db, outside, async ({ sql, admin }) => {
    await sql`set search_path = outside`;
    assert.deepEqual(await announced(db, () => insert(sql, 1)), []);
    assert.deepEqual(await announced(db, () => insert(sql, 1, 2)), ["2"]);
    await db.sql`revoke execute on function logs_watched() from public`;
    await db.sql`revoke select on tailpost_watched from public`;
    assert.deepEqual(await announced(db, () => insert(sql, 1, 2)), ["2"]);
    assert.equal((await db.sql`select from logs`).length, 5);
    await admin`drop view outside.logs`;
  });
  await db.sql`drop function logs_watched()`;
  assert.deepEqual(await announced(db, () => insert(db.sql, 1)), ["1 more"], "the function is gone");
  await db.sql`alter sequence tailpost_watched rename to something_else`;
  assert.deepEqual(await announced(db, () => insert(db.sql, 2)), ["2 more"], "and the sequence");
});

Deno.test("logs_notify() announces by what is watched when it inserts, whatever its transaction sees", async () => {
  await using db = await database();
  for (const level of ["read committed", "repeatable read", "serializable"]) {
    const connection = await db.sql.reserve();
    const heard = await announced(db, async () => {
      await connection.unsafe(`begin isolation level ${level}`);
      await insert(connection, 1);
      await watch(db.sql, 0, [1]);
      await insert(connection, 1, 1);
      await watch(db.sql, 0, []);
      await insert(connection, 1, 1, 1);
      await connection`commit`;
    });
    connection.release();
    assert.deepEqual(heard, ["1 x 2"], level);
  }
});

Deno.test("logs_notify() announces single rows of a transaction alike in its first second and later", async () => {
  await using db = await database();
  await watch(db.sql, 0, [1]);
  const counted = (sql: postgres.ISql) =>
    sql<{ count: string | null }[]>`select current_setting('tailpost.announced', true) as count`;
  const heard = await announced(db, () =>
    db.sql.begin(async (sql) => {
      // The session has asked for the queue lately.
      await sql`select set_config('tailpost.queue_checked', (date_part('epoch', now()) / 10)::bigint::text, true)`;
      for (let i = 0; i < 3; i++) await insert(sql, 1);
      assert.equal((await counted(sql))[0]?.count ?? "", "", "not worth counting");
      await sql`select pg_sleep(1)`;
      for (let i = 0; i < 3; i++) await insert(sql, 1);
      await insert(sql, 2);
      await insert(sql, 1, 2);
      assert.equal((await counted(sql))[0]?.count, ",1=4,");
    }));
  assert.deepEqual(heard, Array(7).fill("1"));
});

Deno.test("tailpost_watch() tells whether what was said before still holds for half a minute", async () => {
  await using db = await database();
  const { sql } = db;
  const setBack = (seconds: number) =>
    sql`update tailpost_watches set until = clock_timestamp() + ${`${seconds} seconds`}::interval`;
  assert.equal(await watch(sql, 0, [1]), false);
  assert.equal(await watch(sql, 0, [1, 2]), true);
  await setBack(35);
  assert.equal(await watch(sql, 0, [1]), true);
  await setBack(25);
  assert.equal(await watch(sql, 0, [1]), false);
  assert.equal(await watch(sql, 0, []), true);
  assert.equal(await watch(sql, 0, [1]), false, "it had ended it");
  await setBack(-1);
  assert.equal(await watch(sql, 1, [2]), false);
  assert.equal(await bits(db), bitsOf(2), "what has run out goes with what another says");
  assert.equal(await watch(sql, 0, [1]), false);
  assert.equal(await bits(db), bitsOf(1, 2));
});

Deno.test("tailpost_watch() by many at once loses nothing of what any of them says", async () => {
  await using db = await database();
  await using other = {
    sql: postgres(db.url, { max: 30, onnotice: () => {} }),
    async [Symbol.asyncDispose]() {
      await this.sql.end();
    },
  };
  for (let round = 0; round < 5; round++) {
    await Promise.all(INSTANCES.map((_, i) => watch(other.sql, i, [i % 20])));
    assert.equal(await bits(db), 2 ** 20 - 1);
    // Of each bit one of two, or both, stop.
    await Promise.all(INSTANCES.map((_, i) => watch(other.sql, i, i < 20 || i % 2 === 0 ? [] : [i % 20])));
    assert.equal(
      await bits(db),
      INSTANCES.reduce((sum, _, i) => i >= 20 && i % 2 ? sum + 2 ** (i % 20) : sum, 0),
    );
    await Promise.all(INSTANCES.map((_, i) => watch(other.sql, i, [])));
    assert.equal(await bits(db), 0);
  }
  const [row] = await db.sql`select last_value from tailpost_watched`;
  assert.equal(row?.["last_value"], "0");
});

Deno.test("tailpost_watch() is refused where it would not see what others have said", async () => {
  await using db = await database();
  await watch(db.sql, 0, [1]);
  for (const level of ["repeatable read", "serializable"]) {
    await assert.rejects(
      db.sql.begin(`isolation level ${level}`, (sql) => watch(sql, 1, [2])),
      /read committed/,
    );
  }
  assert.equal(await bits(db), bitsOf(1));
  // What is rolled back is announced until somebody says anything, which is too much and never too little.
  await assert.rejects(
    db.sql.begin(async (sql) => {
      await watch(sql, 1, [2]);
      throw new Error("undo");
    }),
    /undo/,
  );
  assert.equal(await bits(db), bitsOf(1, 2));
  assert.equal(await watch(db.sql, 0, [1]), true);
  assert.equal(await bits(db), bitsOf(1));
});

Deno.test("tailpost_watch() is for who may only read, and takes from nobody what that one said", async () => {
  await using db = await database();
  await watch(db.sql, 0, [1]);
  await withRole(db, "grant select on logs to $role", async ({ sql }) => {
    assert.equal(await watch(sql, 1, [2]), false);
    assert.equal(await watch(sql, 1, [2, 3]), true);
    assert.equal(await bits(db), bitsOf(1, 2, 3));
    assert.deepEqual(await announced(db, () => insert(db.sql, 1, 2, 3)), ["1", "2", "3"]);
    const refused = [
      "select from tailpost_watches",
      "delete from tailpost_watches",
      "update tailpost_watches set until = now()",
      "insert into tailpost_watches values (gen_random_uuid(), 0, now())",
      "truncate tailpost_watches",
      "select setval('tailpost_watched', 0)",
      "select nextval('tailpost_watched')",
    ];
    for (const query of refused) await assert.rejects(sql.unsafe(query), /permission denied/, query);
    // Names of its own do not come between.
    await sql`create temporary table tailpost_watches (instance uuid, bits bigint, until timestamptz)`;
    await sql`create temporary sequence tailpost_watched`;
    await sql`set search_path = pg_temp, public`;
    assert.equal(await watch(sql, 1, []), true);
    assert.equal(await bits(db), bitsOf(1));
  });
});

Deno.test("logs_notify() works after a crash, and announces once it was said again what is watched", async () => {
  await using server = await testServer();
  const url = await (async () => {
    await using db = { ...await server.database(), [Symbol.asyncDispose]: () => db.sql.end() };
    await migrateUp(db.sql);
    await watch(db.sql, 0, [1]);
    await watch(db.sql, 1, [2]);
    await server.stop("immediate");
    return db.url;
  })();
  await server.start();
  const sql = postgres(url, { max: 3, onnotice: () => {} });
  assert.equal((await sql`select from tailpost_watches`).length, 0);
  await insert(sql, 1, 2);
  assert.equal(await watch(sql, 0, [1]), false);
  assert.deepEqual(await announced({ sql }, () => insert(sql, 1, 2)), ["1"]);
  assert.equal(await watch(sql, 1, [2]), false);
  assert.deepEqual(await announced({ sql }, () => insert(sql, 1, 2)), ["1", "2"]);
  assert.equal((await sql`select from logs`).length, 6);
  await sql.end();
});
