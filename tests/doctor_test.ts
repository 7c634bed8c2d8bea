/** `tailpost doctor` on real databases. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { migrateUp } from "../lib/migrations.ts";
import { repair } from "../lib/repair.ts";
import { pgBouncerTest, startPgBouncer } from "./pgbouncer.ts";
import { testServer } from "./postgres.ts";
import { runTailpost } from "./server.ts";

const server = await testServer({ settings: { wal_level: "logical" } });

/** What doctor prints, by name. */
async function doctor(url: string | null, code: number, ...args: string[]) {
  const env = url === null ? { TAILPOST_DATA_DIR: "/nonexistent/tailpost" } : { DATABASE_URL: url };
  const program = runTailpost(["doctor", "--seconds", "1", ...args], env);
  assert.equal((await program.status).code, code, program.output());
  const output = program.output();
  return {
    output,
    of(name: string) {
      const line = output.split("\n").find((line) => line.startsWith(name)) ?? "";
      return line.split(/ {2,}/u)[1] ?? "";
    },
  };
}

Deno.test("doctor tells what a database lacks for each source, and ends with 1 until the configured one works", async () => {
  await using db = await server.database();
  assert.match(
    (await doctor(db.url, 1)).output,
    /^tailpost: The source notify does not work: The database has no table/mu,
  );
  await migrateUp(db.sql);
  const notify = await doctor(db.url, 0);
  assert.match(notify.output, /^Looking at the traffic for 1 s$/mu);
  assert.match(notify.of("PostgreSQL"), new RegExp(`^${server.version}\\.`, "u"));
  assert.match(notify.of("account"), /^tailpost: reads logs, writes logs, may replicate$/u);
  assert.equal(notify.of("source notify (configured)"), "works");
  assert.match(notify.of("source wal"), /is missing: run tailpost migrate --source wal$/u);
  assert.match(notify.of("recommended"), /^notify: /u);
  const wal = await doctor(db.url, 1, "--source", "wal");
  assert.match(wal.output, /^tailpost: The source wal does not work: The publication tailpost/mu);
  await repair(db.sql, { source: "wal" });
  assert.equal((await doctor(db.url, 0, "--source", "wal")).of("source wal (configured)"), "works");
  assert.match((await doctor(db.url, 1)).of("source notify (configured)"), /is disabled/u);
});

Deno.test("doctor sees the traffic, in a partitioned table too, and recommends wal where it is much", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await db.sql.unsafe(`
    alter table logs rename to plain;
    create table logs (like plain including defaults) partition by list (organization_id);
    create index on logs (organization_id, xid);
    create table logs_rest partition of logs default;
    create trigger logs_notify after insert on logs referencing new table as new_logs
      for each statement execute function logs_notify('1000')`).simple();
  await repair(db.sql, { source: "wal" });
  const over = new AbortController();
  const sql = postgres(db.url, { max: 4, onnotice: () => {}, connection: { synchronous_commit: "off" } });
  const writers = Array.from({ length: 4 }, async () => {
    // Short statements of PL/pgSQL that commit by themselves are more than a client of one process would send.
    while (!over.signal.aborted) {
      await sql`do $$ begin for i in 1..500 loop insert into logs (id, message) values (i, 'x'); commit; end loop; end $$`
        .simple();
    }
  });
  try {
    const found = await doctor(db.url, 0, "--source", "wal", "--seconds", "3");
    assert.match(found.of("traffic"), /^[\d,]+ logs\/s, in at most /u);
    assert.match(found.of("recommended"), /^wal: /u);
  } finally {
    over.abort();
    await Promise.all(writers);
    await sql.end();
  }
});

Deno.test("doctor with an account that may do nothing says so", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const name = `role_${db.name}`;
  const admin = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create role ${name} login password 'secret'`);
  const url = Object.assign(new URL(db.url), { username: name, password: "secret" }).href;
  const found = await doctor(url, 1);
  assert.equal(found.of("account"), `${name}: may not read logs, may not write logs, may not replicate`);
  assert.equal(found.of("tables"), "the account may not see which migrations were applied");
  await admin.unsafe(`drop role ${name}`);
  await admin.end();
});

pgBouncerTest("doctor finds a pooler, and what it carries", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const settings = { ignore_startup_parameters: "statement_timeout" };
  {
    await using pooler = await startPgBouncer(db.url, { mode: "transaction" });
    assert.match((await doctor(pooler.url, 1)).of("pooler"), /refuses the server's connections$/u);
  }
  {
    await using pooler = await startPgBouncer(db.url, { mode: "transaction", settings });
    const found = await doctor(pooler.url, 1);
    assert.match(found.of("pooler"), /in transaction mode: LISTEN does not work$/u);
    assert.match(found.of("source wal"), /^Connect directly to PostgreSQL: .*does not carry replication/u);
  }
  await using pooler = await startPgBouncer(db.url, { mode: "session", settings });
  const found = await doctor(pooler.url, 0);
  assert.match(found.of("pooler"), /in session mode$/u);
  assert.match(found.of("source wal"), /does not carry replication/u);
});

Deno.test("doctor refuses what it cannot look at, and makes no database", async () => {
  assert.match(
    (await doctor(null, 1)).output,
    /^tailpost: There is no database in \/nonexistent\/tailpost yet: give DATABASE_URL/u,
  );
  assert.match(
    (await doctor(null, 2, "--seconds", "0")).output,
    /^tailpost: --seconds is "0": allowed is a number from 1 to/u,
  );
  assert.match((await doctor(null, 0, "--help")).output, /Examples:\n {2}tailpost doctor /u);
});

Deno.test("doctor looks at the embedded PostgreSQL, and demo takes a source", async () => {
  const path = await Deno.makeTempDir({ prefix: "tailpost-data-" });
  await Deno.chmod(path, 0o711);
  const bin = Deno.env.get("PG_BINDIR");
  const env = { TAILPOST_DATA_DIR: path, ...bin === undefined ? {} : { PG_BINDIR: bin } };
  try {
    const demo = runTailpost(["demo", "--port", "0", "--source", "wal"], env);
    await demo.line(/Tailpost is ready at /u);
    assert.equal((await demo.end("SIGINT")).code, 0, demo.output());
    const program = runTailpost(["doctor", "--seconds", "1", "--source", "wal"], {
      ...env,
      TAILPOST_DATA_DIR: `${path}/demo`,
    });
    assert.equal((await program.status).code, 0, program.output());
    assert.match(program.output(), /^source wal \(configured\) +works$/mu);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
