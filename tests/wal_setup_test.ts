/** What `--source wal` needs of a database: made by migrate, looked at by serve, and told when it goes wrong. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { readFacts } from "../lib/database_facts.ts";
import { migrateUp } from "../lib/migrations.ts";
import { walProblems } from "../lib/wal_state.ts";
import { type TestDatabase, testServer } from "./postgres.ts";
import { runTailpost } from "./server.ts";

const SETTINGS = { wal_level: "logical", max_replication_slots: "4", max_wal_senders: "3" };
const server = await testServer({ settings: SETTINGS });

/** Runs a command to its end, and gives its output. */
async function outcome(args: readonly string[], code: number, url: string, env = {}): Promise<string> {
  const program = runTailpost(args, { DATABASE_URL: url, ...env });
  assert.equal((await program.status).code, code, program.output());
  return program.output();
}

const SERVE = ["serve", "--auth", "off", "--port", "0", "--source", "wal"];
const migrate = ({ url }: TestDatabase, ...args: string[]) =>
  outcome(["migrate", ...args], 0, url, { TAILPOST_SOURCE: "wal" });

/** Codes of what is wrong. */
async function problems(sql: postgres.Sql, options = {}): Promise<string[]> {
  const { wal } = await readFacts(sql, { source: "wal" });
  return wal === null ? ["none"] : walProblems(wal, options).map(({ code }) => code);
}

const triggersOf = (sql: postgres.Sql) =>
  sql`select tgname, tgenabled from pg_trigger where tgrelid = to_regclass('logs') and not tgisinternal
    order by tgname`.then((rows) => rows.map(({ tgname, tgenabled }) => `${tgname} ${tgenabled}`));

async function asSuperuser<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

Deno.test("migrate --source wal makes the publication in place of the trigger, and migrate takes it back", async () => {
  await using db = await server.database();
  const first = await migrate(db, "--dry-run");
  assert.match(first, /The publication comes after these/u);
  assert.match(
    await migrate(db),
    /^Applied 0001_[^]*^Set up for --source wal: the publication tailpost, and no trigger$/mu,
  );
  assert.equal(await migrate(db), "Nothing to do: the tables are up to date\n");
  assert.doesNotMatch(await migrate(db, "status"), /publication|trigger_|pending/u);
  assert.deepEqual(await problems(db.sql), []);
  assert.deepEqual(await triggersOf(db.sql), ["logs_notify D"]);
  const [publication] = await db.sql`select pubinsert, pubupdate, pubviaroot from pg_publication`;
  assert.deepEqual({ ...publication }, { pubinsert: true, pubupdate: false, pubviaroot: true });
  // Back: the trigger announces again. Other servers may still need the publication.
  assert.match(await outcome(["migrate", "status"], 0, db.url), /^trigger_disabled /mu);
  assert.match(await outcome(["migrate"], 0, db.url), /^Made the trigger logs_notify/mu);
  assert.deepEqual(await triggersOf(db.sql), ["logs_notify O"]);
  assert.deepEqual(await problems(db.sql), []);
  // And forth, by the flag.
  const status = await outcome(["migrate", "status", "--source", "wal"], 0, db.url);
  assert.match(status, /^publication +not set up for --source wal: run tailpost migrate --source wal$/mu);
  const dry = await outcome(["migrate", "--source", "wal", "--dry-run"], 0, db.url);
  assert.match(dry, /^-- for --source wal\nalter table public\.logs disable trigger logs_notify;\n/u);
  assert.deepEqual(await triggersOf(db.sql), ["logs_notify O"]);
  await outcome(["migrate", "--source", "wal"], 0, db.url);
  assert.deepEqual(await triggersOf(db.sql), ["logs_notify D"]);
});

const OPTIONS = "with (publish = 'insert', publish_via_partition_root = true)";

for (
  const [altered, since = 14] of [
    ["drop publication tailpost"],
    ["alter publication tailpost set (publish = 'update')"],
    ["alter publication tailpost set (publish = 'insert, update')"],
    ["alter publication tailpost set (publish_via_partition_root = false)"],
    ["alter publication tailpost add table organizations"],
    ["alter publication tailpost set table organizations"],
    ["alter publication tailpost drop table logs"],
    [`drop publication tailpost; create publication tailpost for all tables ${OPTIONS}`],
    ["alter publication tailpost set table logs where (id > 7)", 15],
    ["alter publication tailpost set table logs (id, message)", 15],
    ["alter publication tailpost add tables in schema elsewhere", 15],
    [`drop publication tailpost; create publication tailpost for tables in schema public ${OPTIONS}`, 15],
  ] as [string, number?][]
) {
  const ignore = server.version < since;
  Deno.test(
    `migrate --source wal makes the publication again after ${altered.slice(0, 70)}`,
    { ignore },
    async () => {
      await using db = await server.database();
      await migrate(db);
      const revision = async () => (await readFacts(db.sql, { source: "wal" })).wal?.revision;
      const before = await revision();
      await asSuperuser(db.superuserUrl, (sql) => sql.unsafe(`create schema elsewhere; ${altered}`).simple());
      assert.deepEqual(await problems(db.sql), ["publication"]);
      // More tables keep no log back.
      if (!altered.includes(" add ")) assert.notEqual(await revision(), before);
      // Not all of them are what the owner of the tables may make.
      const asOwnerOfAll = { ...db, url: db.superuserUrl };
      assert.match(await migrate(asOwnerOfAll, "status"), /^publication +not set up/mu);
      assert.match(await migrate(asOwnerOfAll), /^Set up for --source wal/mu);
      assert.deepEqual(await problems(db.sql), []);
    },
  );
}

Deno.test("migrate --source wal finds a partitioned table in a quoted schema, and a trigger of another name", async () => {
  await using db = await server.database();
  await db.sql.unsafe(`
    create schema "We""ird Schema";
    alter database ${db.name} set search_path = 'We"ird Schema'`).simple();
  await asSuperuser(db.url, async (sql) => {
    await migrateUp(sql);
    await sql.unsafe(`
      alter table logs rename to plain;
      create table logs (like plain including defaults) partition by list (organization_id);
      create table logs_rest partition of logs default;
      create trigger "tell ""them" after insert on logs referencing new table as new_logs
        for each statement execute function logs_notify('1000')`).simple();
    assert.match(await migrate(db), /^Set up for --source wal/mu);
    assert.deepEqual(await triggersOf(sql), ['tell "them D']);
    assert.deepEqual(await problems(sql), []);
    assert.equal(await migrate(db), "Nothing to do: the tables are up to date\n");
    // What a stream would get.
    await sql`select pg_create_logical_replication_slot('rows', 'pgoutput', true)`;
    await sql`insert into logs (id, message) values (1, 'x')`;
    const changes = await sql<{ kind: string }[]>`
      select chr(get_byte(data, 0)) as kind from pg_logical_slot_peek_binary_changes(
        'rows', null, null, 'proto_version', '1', 'publication_names', 'tailpost')`;
    assert.deepEqual(changes.map(({ kind }) => kind).filter((kind) => kind !== "R"), ["B", "I", "C"]);
  });
});

Deno.test("migrate --source wal says what it takes, and has changed nothing then", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await asSuperuser(db.superuserUrl, (sql) => sql`alter database ${sql(db.name)} owner to postgres`);
  const refused = () => outcome(["migrate", "--source", "wal"], 1, db.url);
  assert.match(
    await refused(),
    /^tailpost: Cannot set up for --source wal: permission denied for database \w+\. It takes an account that owns the table logs/mu,
  );
  assert.deepEqual(await triggersOf(db.sql), ["logs_notify O"]);
  await asSuperuser(db.superuserUrl, async (sql) => {
    await sql`grant create on database ${sql(db.name)} to tailpost`;
    await sql`alter table logs owner to postgres`;
    await sql`grant select on logs to tailpost`;
  });
  assert.match(await refused(), /must be owner of table logs\. It takes/u);
});

/** A role of its own for a test, that may log in. */
async function roleOf(db: TestDatabase, attributes = "") {
  const name = `role_${db.name}`;
  await asSuperuser(
    db.superuserUrl,
    (sql) =>
      sql.unsafe(
        `create role ${name} login ${attributes} password 'secret'; grant select on logs, tailpost_migrations to ${name}`,
      )
        .simple(),
  );
  return {
    name,
    url: Object.assign(new URL(db.url), { username: name, password: "secret" }).href,
    [Symbol.asyncDispose]: () =>
      asSuperuser(
        db.superuserUrl,
        async (sql) => void await sql.unsafe(`drop owned by ${name}; drop role ${name}`).simple(),
      ),
  };
}

Deno.test("serve --source wal stops where it would get no stream, and says what to run", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const missing = await outcome(SERVE, 1, db.url);
  assert.equal(
    missing,
    "tailpost: Cannot serve: The publication tailpost, which says what is decoded, is missing: run tailpost migrate --source wal\n",
  );
  await migrate(db);
  await using role = await roleOf(db);
  assert.equal(
    await outcome(SERVE, 1, role.url),
    `tailpost: Cannot serve: The account of DATABASE_URL may not replicate: ALTER ROLE ${role.name} REPLICATION ` +
      `(on Amazon RDS: GRANT rds_replication TO ${role.name})\n`,
  );
  await asSuperuser(db.superuserUrl, (sql) => sql.unsafe(`alter role ${role.name} replication`));
  await asSuperuser(role.url, async (sql) => assert.deepEqual(await problems(sql), []));
});

Deno.test("on Amazon RDS a role replicates as a member of another one", async () => {
  await using db = await server.database();
  await migrate(db);
  await using role = await roleOf(db);
  const codes = () => asSuperuser(role.url, (sql) => problems(sql));
  await asSuperuser(db.superuserUrl, (sql) => sql`create role rds_replication`);
  assert.deepEqual(await codes(), ["no_replication"]);
  await asSuperuser(db.superuserUrl, (sql) => sql.unsafe(`grant rds_replication to ${role.name}`));
  assert.deepEqual(await codes(), []);
  await asSuperuser(db.superuserUrl, (sql) => sql`drop role rds_replication`);
});

Deno.test("serve --source wal finds slots and WAL senders used up, with --migrate auto sets up, and starts", async () => {
  await using db = await server.database();
  const taken = [];
  for (const name of ["a", "b", "c", "d"]) {
    taken.push(db.sql`select pg_create_physical_replication_slot(${name})`);
  }
  await Promise.all(taken);
  assert.match(
    await outcome([...SERVE, "--migrate", "auto"], 1, db.url),
    /^Waiting for a free .*\ntailpost: Cannot serve: PostgreSQL's replication slots are all in use \(4\), .* max_replication_slots and restart it$/mu,
  );
  assert.deepEqual(await problems(db.sql), ["slots_full"]);
  assert.deepEqual(await problems(db.sql, { hasSlot: true }), []);
  // A server that has just ended may have its slot for a moment.
  const program = runTailpost(SERVE, { DATABASE_URL: db.url, TAILPOST_MIGRATE: "auto" });
  await program.line(/^Waiting for a free replication slot$/mu);
  await db.sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots`;
  await program.line(/Tailpost is ready at /u);
  assert.equal((await program.end("SIGTERM")).code, 0, program.output());
});

Deno.test("readFacts() counts WAL senders", async () => {
  await using db = await server.database();
  await migrate(db);
  const senders = Array.from({ length: 3 }, () => {
    const connection = { replication: "database" } as Record<string, string>;
    return postgres(db.url, { max: 1, fetch_types: false, connection, onnotice: () => {} });
  });
  try {
    await Promise.all(senders.map((sql) => sql`IDENTIFY_SYSTEM`.simple()));
    const { wal } = await readFacts(db.sql, { source: "wal" });
    assert.deepEqual(wal?.senders, { used: 3, most: 3 });
    assert.deepEqual(await problems(db.sql), ["slots_full"]);
    assert.deepEqual(await problems(db.sql, { hasSlot: true }), []);
  } finally {
    await Promise.all(senders.map((sql) => sql.end({ timeout: 5 })));
  }
});

Deno.test("with wal_level replica migrate sets up all the same and says what is left; serve stops", async () => {
  await using own = await testServer({ settings: { wal_level: "replica" } });
  await using db = await own.database();
  assert.match(
    await migrate(db),
    /^Set up for --source wal.*\nPostgreSQL's wal_level is replica, and --source wal takes logical/mu,
  );
  assert.match(await migrate(db, "status"), /^wal_level +PostgreSQL's wal_level is replica/mu);
  const output = await outcome(SERVE, 1, db.url);
  assert.match(
    output,
    /^tailpost: Cannot serve: PostgreSQL's wal_level is replica.*ALTER SYSTEM SET wal_level = 'logical'/u,
  );
  assert.equal(output.trim().split("\n").length, 1, output);
});

Deno.test("migrate --role --source wal gives the role REPLICATION, with a note; without wal nothing changes", async () => {
  await using db = await server.database();
  const name = `role_${db.name}`;
  const replicates = async () =>
    (await db.sql`select rolreplication from pg_roles where rolname = ${name}`)[0]?.rolreplication;
  await asSuperuser(db.superuserUrl, (sql) => sql`alter role tailpost createrole`);
  const role = ["migrate", "--role", name];
  try {
    await outcome(role, 0, db.url);
    assert.equal(await replicates(), false);
    assert.match(
      await migrate(db, "--role", name, "--dry-run"),
      new RegExp(`^alter role ${name} replication;$`, "mu"),
    );
    if (server.version < 16) {
      assert.match(
        await outcome([...role, "--source", "wal"], 1, db.url),
        /^tailpost: Cannot make the role .*before PostgreSQL 16 to be one$/mu,
      );
    }
    const url = server.version < 16 ? db.superuserUrl : db.url;
    const given = await outcome([...role, "--source", "wal"], 0, url);
    assert.match(given, new RegExp(`^The role ${name} has REPLICATION, .*past row-level security$`, "mu"));
    assert.equal(await replicates(), true);
    assert.doesNotMatch(
      await outcome([...role, "--source", "wal", "--dry-run"], 0, url),
      /^alter role .*replication/mu,
    );
    await outcome(role, 0, url);
    assert.equal(await replicates(), true);
  } finally {
    await asSuperuser(
      db.superuserUrl,
      (sql) => sql.unsafe(`drop owned by ${name}; drop role ${name}`).simple(),
    );
  }
});

Deno.test("serve --source wal on the embedded PostgreSQL needs nothing else", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "tailpost-data-" });
  const program = runTailpost(SERVE, {
    TAILPOST_DATA_DIR: dataDir,
    ...Object.fromEntries(["PG_BINDIR"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    })),
  });
  try {
    await program.line(/Tailpost is ready at /u);
    const port = (await Deno.readTextFile(`${dataDir}/port`)).trim();
    const password = await Deno.readTextFile(`${dataDir}/cluster/password`);
    await asSuperuser(`postgres://tailpost:${password}@127.0.0.1:${port}/tailpost`, async (sql) => {
      const [row] = await sql`
        select current_setting('wal_level') as level,
          (select rolreplication from pg_roles where rolname = 'tailpost_server') as replicates`;
      assert.deepEqual({ ...row }, { level: "logical", replicates: true });
      assert.deepEqual(await triggersOf(sql), ["logs_notify D"]);
    });
    assert.match(program.output(), /^Set up for --source wal/mu);
  } finally {
    await program.end("SIGTERM");
    await Deno.remove(dataDir, { recursive: true });
  }
});
