/** What the server's role may do: all that the server needs, and no more. */

import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { serverRole } from "../tests/server_role.ts";
import { type TestDatabase, testServer } from "../tests/postgres.ts";
import { hasAdmin, insertToken, revokeToken, touchToken } from "./auth/token_store.ts";
import { readSessionKey } from "./auth/key_store.ts";
import { foreignOrganizations } from "./foreign_logs.ts";
import { migrateUp, MigrationError, migrationStatus } from "./migrations.ts";
import { listOrganizations } from "./organizations.ts";
import { inspectRepairs } from "./repair.ts";
import { GRANTS, makeServerRole } from "./server_role.ts";

const server = await testServer();

async function migrated() {
  const db = await server.database();
  await migrateUp(db.sql);
  return db;
}

/** A connection as the superuser. */
function adminOf(db: TestDatabase): postgres.Sql {
  return postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
}

Deno.test("makeServerRole() lets the server do all it does", async () => {
  await using db = await migrated();
  await using role = await serverRole(db);
  const { sql } = role;
  await Promise.all([listOrganizations(sql), hasAdmin(sql), readSessionKey(sql), foreignOrganizations(sql)]);
  assert.ok((await migrationStatus(sql)).every(({ state }) => state === "applied"));
  assert.deepEqual(await inspectRepairs(sql), {
    problem: null,
    trigger: null,
    setup: null,
    foreignLogs: 0,
  });
  const { token } = await insertToken(sql, { organizationId: 1, name: "x", scope: "read", expiresIn: null });
  await touchToken(sql, token.id);
  assert.ok((await revokeToken(sql, String(token.id))).revokedAt);
});

Deno.test("the server's role has the grants of the table, and none besides", async () => {
  await using db = await migrated();
  await using role = await serverRole(db);
  const admin = adminOf(db);
  const rows = await admin<{ grant: string }[]>`
    select relname || ' ' || lower(privilege_type) as grant from pg_class, aclexplode(relacl)
      where grantee = ${role.name}::regrole
    union all
    select relname || ' ' || lower(privilege_type) || ' ' || attname
      from pg_attribute join pg_class on pg_class.oid = attrelid, aclexplode(attacl)
      where grantee = ${role.name}::regrole
    union all
    select 'schema ' || lower(privilege_type) from pg_namespace, aclexplode(nspacl) where grantee = ${role.name}::regrole`;
  const expected = GRANTS.flatMap(([table, privileges]) => {
    const [, privilege = "", columns = ""] = /^(\w+)(?: \((.*)\))?$/u.exec(privileges) ?? [];
    if (columns === "") return [`${table} ${privilege}`];
    return columns.replaceAll('"', "").split(", ").map((column) => `${table} ${privilege} ${column}`);
  });
  assert.deepEqual(rows.map(({ grant }) => grant).sort(), [...expected, "schema usage"].sort());
  await admin.end();
});

/** Each with insufficient_privilege. */
const FORBIDDEN = {
  "make a table": "create table mine (id int)",
  "change one": "alter table logs add column x int",
  "drop one": "drop table logs",
  "disable the trigger": "alter table logs disable trigger logs_notify",
  "silence triggers altogether": "set session_replication_role = replica",
  "change the trigger's function":
    "create or replace function logs_notify() returns trigger language plpgsql as 'begin end'",
  "turn row-level security off": "alter table logs disable row level security",
  "drop its policy": "drop policy tailpost_others on logs",
  "write ids of its own": "insert into logs (id, message) overriding system value values (1, 'x')",
  "write transactions of its own": "insert into logs (message, xid) values ('x', '3')",
  "change logs": "update logs set message = 'x'",
  "delete logs": "delete from logs",
  "delete tokens": "delete from tailpost_tokens",
  "make a token another organization's": "update tailpost_tokens set organization_id = 2",
  "give a token more": "update tailpost_tokens set scope = 'admin'",
  "make organizations": "insert into organizations (name) values ('x')",
  "read another table": "select * from secrets",
  "read passwords": "select * from pg_authid",
  "make roles": "create role another",
  "give itself more": "alter role current_user bypassrls",
  "become the owner": "set role tailpost",
  "make a view another organization's": "update tailpost_views set organization_id = 2",
  "forget a migration": "delete from tailpost_migrations",
  "replace the session key": "update tailpost_keys set key = key",
  "read files": "select pg_read_file('postgresql.conf')",
};

Deno.test("the server's role cannot do anything else", async (t) => {
  await using db = await migrated();
  await db.sql`create table secrets (id int)`;
  await using role = await serverRole(db);
  for (const [what, statement] of Object.entries(FORBIDDEN)) {
    await t.step(`such as ${what}`, async () => {
      await assert.rejects(role.sql.unsafe(statement).simple(), { code: "42501" });
    });
  }
});

Deno.test("makeServerRole() leaves other roles and the owner as they were", async () => {
  await using db = await migrated();
  const admin = adminOf(db);
  const application = `app_${db.name}`;
  await admin.unsafe(`
    create role ${application} login password 'app';
    grant select, insert, update, delete on logs to ${application}`).simple();
  await using role = await serverRole(db);
  const app = postgres(Object.assign(new URL(db.url), { username: application, password: "app" }).href, {
    max: 1,
    onnotice: () => {},
  });
  for (const sql of [app, db.sql]) {
    await sql`insert into logs (organization_id, message) values (1, 'one'), (2, 'two')`;
    assert.equal((await sql`select from logs`).length, 2);
    await sql`update logs set message = 'changed'`;
    await sql`delete from logs`;
  }
  // What docs/database.md says: PostgreSQL does not take COPY FROM where row-level security is on, but from the owner.
  const copy = async (sql: postgres.Sql) => {
    const into = await sql`copy logs (message) from stdin`.writable();
    await new Promise<void>((resolve, reject) => {
      into.on("error", reject);
      into.on("finish", resolve);
      into.end("copied\n");
    });
  };
  await copy(db.sql);
  await assert.rejects(copy(app), { code: "0A000" });
  await app.end();
  await role[Symbol.asyncDispose]();
  await admin.unsafe(`drop owned by ${application}; drop role ${application}`).simple();
  await admin.end();
});

Deno.test("makeServerRole() keeps the password out of PostgreSQL's log, and takes back what was granted besides", async () => {
  await using own = await testServer({ settings: { log_statement: "all" } });
  await using db = await own.database();
  await migrateUp(db.sql);
  const admin = adminOf(db);
  const password = "correct-horse-battery";
  const made = await makeServerRole(admin, "tailpost_server", { password });
  assert.equal(made.isNew, true);
  assert.ok(!made.sql.includes("SCRAM") && !made.sql.includes(password));
  const login = async (password: string) => {
    const sql = postgres(Object.assign(new URL(db.url), { username: "tailpost_server", password }).href, {
      max: 1,
    });
    await sql`select 1`.finally(() => sql.end());
  };
  await login(password);
  await admin`grant all on logs to tailpost_server`;
  assert.equal((await makeServerRole(admin, "tailpost_server")).isNew, false);
  await login(password);
  const [rights] = await admin`select has_table_privilege('tailpost_server', 'logs', 'delete') as deletes`;
  assert.equal(rights?.deletes, false);
  const other = await makeServerRole(admin, "tailpost_other");
  assert.match(other.password ?? "", /^[0-9a-f]{48}$/u);
  const log = await Deno.readTextFile(join(own.dataDir, "cluster/postgresql.log"));
  assert.match(log, /create role tailpost_other login password 'SCRAM-SHA-256/u);
  assert.ok(!log.includes(password) && !log.includes(other.password ?? ""));
  await admin.end();
});

Deno.test("makeServerRole() touches no table when nothing has changed", async () => {
  await using db = await migrated();
  await using role = await serverRole(db);
  const admin = adminOf(db);
  const again = await makeServerRole(admin, role.name, { dryRun: true });
  assert.doesNotMatch(again.sql, /policy|row level|password/u);
  // Somebody else reads and writes meanwhile.
  await db.sql.begin(async (sql) => {
    await sql`insert into logs (message) values ('x')`;
    await makeServerRole(admin, role.name, { lockSeconds: 1 });
  });
  await admin.unsafe(`alter table logs disable row level security; drop policy ${role.name}_wall on logs`)
    .simple();
  assert.match((await makeServerRole(admin, role.name)).sql, /create policy[^]*enable row level security/u);
  await admin.end();
});

Deno.test("makeServerRole() refuses roles that nothing holds back, and says who may make one", async () => {
  await using db = await migrated();
  const admin = adminOf(db);
  for (const name of ["postgres", "tailpost"]) {
    await assert.rejects(
      makeServerRole(admin, name),
      (error) => error instanceof MigrationError && /nothing would hold it back/u.test(error.message),
    );
  }
  await assert.rejects(
    makeServerRole(db.sql, "tailpost_server"),
    /Cannot make the role tailpost_server: permission denied.*It takes an account that owns/u,
  );
  await assert.rejects(makeServerRole(admin, 'x"; drop table logs'), RangeError);
  const empty = await server.database();
  await assert.rejects(makeServerRole(empty.sql, "tailpost_server"), /There are no tables yet/u);
  await empty[Symbol.asyncDispose]();
  await admin.end();
});

Deno.test("makeServerRole() works in a schema of another name", async () => {
  await using db = await server.database();
  const admin = adminOf(db);
  await db.sql`create schema "Logs of mine"`;
  await db.sql.unsafe(`alter role tailpost in database ${db.name} set search_path = "Logs of mine"`);
  const owner = postgres(db.url, { max: 1, onnotice: () => {} });
  await migrateUp(owner);
  await admin.unsafe(`alter database ${db.name} set search_path = "Logs of mine"`);
  await admin.end();
  await using role = await serverRole(db);
  assert.equal((await listOrganizations(role.sql)).length, 1);
  await owner.end();
});
