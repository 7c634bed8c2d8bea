import assert from "node:assert/strict";
import { migrateUp } from "../lib/migrations.ts";
import { pgBouncerTest, startPgBouncer } from "./pgbouncer.ts";
import { testServer } from "./postgres.ts";
import { runTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const server = await testServer();

/** What our pool sets at its start and PgBouncer does not know. */
const settings = { ignore_startup_parameters: "statement_timeout" };

pgBouncerTest("serve behind a PgBouncer that refuses it ends at once and says what to do", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await using pgbouncer = await startPgBouncer(db.url, { mode: "transaction" });
  const program = runTailpost(["serve", "--auth", "off", "--port", "0"], { DATABASE_URL: pgbouncer.url });
  assert.equal((await program.status).code, 1);
  assert.match(program.output(), /^tailpost: Cannot serve: connect directly to PostgreSQL/mu);
});

pgBouncerTest("serve behind PgBouncer in transaction mode says so, and shows logs late", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await using pgbouncer = await startPgBouncer(db.url, { mode: "transaction", settings });
  const program = runTailpost(["serve", "--auth", "off", "--port", "0"], { DATABASE_URL: pgbouncer.url });
  try {
    const [, url = ""] = await program.line(/Tailpost is ready at (\S+)/u);
    assert.match(program.output(), /Connect directly to PostgreSQL: DATABASE_URL points at .*PgBouncer/u);
    const ready = await fetch(`${url}/readyz`);
    assert.equal(ready.status, 503);
    assert.equal((await ready.json()).error.code, "pooler");
    await using viewer = await openViewer(`${url}/api/logs/stream`);
    assert.match(JSON.stringify(viewer.events), /\\"problem\\":\{\\"code\\":\\"pooler\\"/u);
    await db.sql`insert into logs (message) values ('late')`;
    await viewer.untilLog("late");
  } finally {
    await program.end("SIGTERM");
  }
});

pgBouncerTest("serve behind PgBouncer in session mode works", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await using pgbouncer = await startPgBouncer(db.url, { mode: "session", settings });
  const program = runTailpost(["serve", "--auth", "off", "--port", "0"], { DATABASE_URL: pgbouncer.url });
  try {
    const [, url = ""] = await program.line(/Tailpost is ready at (\S+)/u);
    await using viewer = await openViewer(`${url}/api/logs/stream`);
    assert.doesNotMatch(JSON.stringify(viewer.events), /problem/u);
    await db.sql`insert into logs (message) values ('announced')`;
    await viewer.untilLog("announced");
    const ready = await fetch(`${url}/readyz`);
    assert.deepEqual([ready.status, await ready.json()], [200, { status: "ready" }]);
  } finally {
    await program.end("SIGTERM");
  }
});
