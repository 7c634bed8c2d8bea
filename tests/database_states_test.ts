/** What may be wrong with a database that answers: recognised, told, and mended by what is said to mend it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { testServer } from "./postgres.ts";
import { runTailpost, startTailpost, type TestTailpost } from "./server.ts";
import { openViewer, type TestViewer } from "./sse.ts";

const server = await testServer();

/** What /readyz says: `null` when all is well. */
async function readyz({ url }: TestTailpost): Promise<string | null> {
  const response = await fetch(`${url}/readyz`);
  const body = await response.json();
  assert.equal(response.status, body.error ? 503 : 200);
  if (body.error) assert.match(body.error.message, /connect to|tailpost migrate|GRANT|end it/u);
  return body.error?.code ?? null;
}

const statuses = ({ events }: TestViewer) =>
  events.filter(({ event }) => event === "status" || event === "ready").map(({ data }) => JSON.parse(data));

const untilProblem = (viewer: TestViewer, code: string | null) =>
  viewer.until(`problem ${code}`, () => (statuses(viewer).at(-1)?.problem?.code ?? null) === code);

async function migrate(tailpost: TestTailpost, ...args: string[]): Promise<string> {
  const program = runTailpost(["migrate", ...args], { DATABASE_URL: tailpost.database.url });
  const { code } = await program.status;
  assert.equal(code, 0, program.output());
  return program.output();
}

const insert = ({ sql }: TestTailpost, message: string) =>
  sql`insert into logs (message) values (${message})`;

/** A real queue has 8 GB. With this, the function that measures it says in one database what a table wants it to. */
const QUEUE = `
  create table public.queue as select 0.3::double precision as usage;
  grant select on public.queue to public;
  set allow_system_table_mods = on;
  alter function pg_catalog.pg_notification_queue_usage() rename to real_queue_usage;
  create function pg_catalog.pg_notification_queue_usage() returns double precision
    language sql volatile as $$ select usage from public.queue $$`;

const ARGUMENT = "select encode(tgargs, 'escape') as argument from pg_trigger where tgname = 'logs_notify'";

for (
  const [code, sql] of [
    ["trigger_missing", "drop trigger logs_notify on logs"],
    ["trigger_missing", "drop function logs_notify cascade; drop function log_entry cascade"],
    ["trigger_disabled", "alter table logs disable trigger logs_notify"],
    ["trigger_disabled", "alter table logs disable trigger user"],
    ["trigger_disabled", "alter table logs enable replica trigger logs_notify"],
    [
      "trigger_altered",
      "create or replace function logs_notify() returns trigger language plpgsql as 'begin return null; end'",
    ],
    [
      "trigger_altered",
      `create or replace trigger logs_notify after update on logs referencing new table as new_logs
        for each statement execute function logs_notify('1000')`,
    ],
  ] as const
) {
  Deno.test(`serve tells of a trigger after ${sql.slice(0, 45)}, and migrate mends it`, async () => {
    await using tailpost = await startTailpost(server);
    await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
    assert.equal(await readyz(tailpost), null);
    assert.equal("problem" in statuses(viewer)[0], false);
    await tailpost.sql.unsafe(sql).simple();
    assert.equal(await readyz(tailpost), code);
    assert.equal(await readyz(tailpost), code);
    await untilProblem(viewer, code);
    await insert(tailpost, "not announced");
    // Whoever comes now is told with the first word.
    await using late = await openViewer(`${tailpost.url}/api/logs/stream`);
    assert.equal(statuses(late)[0].problem.code, code);
    assert.match(await migrate(tailpost, "status"), new RegExp(`^${code} `, "mu"));
    assert.match(await migrate(tailpost, "up", "--dry-run"), /^create or replace trigger logs_notify/mu);
    assert.equal(await readyz(tailpost), code);
    assert.match(await migrate(tailpost), /^Made the trigger logs_notify and its functions again$/mu);
    assert.match(await migrate(tailpost), /^Nothing to do/mu);
    assert.equal(await readyz(tailpost), null);
    await untilProblem(viewer, null);
    assert.equal("problem" in statuses(viewer).at(-1), false);
    await viewer.untilLog("not announced");
    await insert(tailpost, "announced");
    await viewer.untilLog("announced");
    assert.deepEqual(viewer.logs.map(({ message }) => message), ["not announced", "announced"]);
    assert.equal(tailpost.output().split(`(${code})`).length, 2, "one line a change");
    assert.match(tailpost.output(), /is not so any more/u);
  });
}

Deno.test("migrate keeps the length of the preview when it makes the trigger again", async () => {
  await using tailpost = await startTailpost(server);
  const { sql } = tailpost;
  await sql`create or replace trigger logs_notify after insert on logs referencing new table as new_logs
    for each statement execute function logs_notify('300')`;
  assert.equal(await readyz(tailpost), null);
  await sql`alter table logs disable trigger logs_notify`;
  await migrate(tailpost);
  assert.deepEqual([...await sql.unsafe(ARGUMENT)], [{ argument: "300\\000" }]);
  assert.equal(await readyz(tailpost), null);
});

Deno.test("a trigger that was off for a moment is noticed afterwards, and what it missed is shown", async () => {
  await using tailpost = await startTailpost(server);
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  await tailpost.sql.begin(async (sql) => {
    await sql`alter table logs disable trigger logs_notify`;
    await sql`insert into logs (message) values ('loaded in bulk')`;
    await sql`alter table logs enable trigger logs_notify`;
  });
  await insert(tailpost, "announced");
  await viewer.untilLog("announced");
  assert.equal(await readyz(tailpost), null);
  await viewer.untilLog("loaded in bulk");
  assert.deepEqual(viewer.logs.map(({ message }) => message), ["announced", "loaded in bulk"]);
});

Deno.test("serve tells of a queue that fills up, and shows what a full one kept", async () => {
  await using tailpost = await startTailpost(server);
  const admin = postgres(tailpost.database.superuserUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(QUEUE).simple();
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  assert.equal(await readyz(tailpost), "queue_filling");
  await untilProblem(viewer, "queue_filling");
  await insert(tailpost, "more");
  await viewer.untilLog("more");
  await admin`update public.queue set usage = 0.5`;
  assert.equal(await readyz(tailpost), "queue_full");
  await untilProblem(viewer, "queue_full");
  await insert(tailpost, "kept");
  await admin`update public.queue set usage = 0`;
  assert.equal(await readyz(tailpost), null);
  await viewer.untilLog("kept");
  await untilProblem(viewer, null);
  await admin.end();
});

Deno.test("serve tells of privileges that it lacks and of a table that is gone, and goes on once they are there", async () => {
  await using tailpost = await startTailpost(server);
  const admin = postgres(tailpost.database.superuserUrl, { max: 1, onnotice: () => {} });
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  for (
    const [code, take, give] of [
      ["no_privilege", "revoke select on logs from tailpost", "grant select on logs to tailpost"],
      [
        "no_privilege",
        "alter schema public owner to postgres; revoke all on schema public from public",
        "grant usage on schema public to public",
      ],
      ["no_table", "alter table logs rename to kept", "alter table kept rename to logs"],
    ] as const
  ) {
    await admin.unsafe(take).simple();
    assert.equal(await readyz(tailpost), code);
    if (code === "no_table") assert.match(await migrate(tailpost), /^The database has no table logs/mu);
    await untilProblem(viewer, code);
    await admin.unsafe(give).simple();
    assert.equal(await readyz(tailpost), null, give);
    await untilProblem(viewer, null);
    await admin.unsafe(`insert into logs (message) values ('after ${give}')`);
    await viewer.untilLog(`after ${give}`);
  }
  await admin`revoke insert on logs from tailpost`;
  assert.equal(await readyz(tailpost), null);
  assert.match(tailpost.output(), /GRANT INSERT ON logs/u);
  await admin.end();
});

Deno.test("serve on a standby says so, and goes on when that is promoted", async () => {
  await using own = await testServer();
  await using tailpost = await startTailpost(own);
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  await insert(tailpost, "before");
  await viewer.untilLog("before");
  await own.stop();
  // A data directory with this file is in recovery for good, and waits for WAL from nowhere.
  await Deno.writeTextFile(join(own.dataDir, "cluster/data/standby.signal"), "");
  await own.start();
  await untilProblem(viewer, "standby");
  assert.equal(statuses(viewer).at(-1).database, "reconnecting");
  assert.equal(await readyz(tailpost), "standby");
  await tailpost.stop();
  await tailpost.start();
  assert.match(tailpost.output(), /hot standby/u);
  assert.equal(await readyz(tailpost), "standby");
  const cursor = viewer.cursor ?? "";
  await using back = await openViewer(`${tailpost.url}/api/logs/stream?lastEventId=${cursor}`);
  assert.deepEqual(statuses(back).map(({ problem }) => problem.code), ["standby"]);
  const admin = postgres(own.url, { max: 1 });
  await admin`select pg_promote()`;
  await admin.end();
  await untilProblem(back, null);
  await insert(tailpost, "promoted");
  await back.untilLog("promoted");
  assert.equal(await readyz(tailpost), null);
});

Deno.test("a log written while the queue was full is shown, however late its transaction commits", async () => {
  await using tailpost = await startTailpost(server);
  const admin = postgres(tailpost.database.superuserUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(QUEUE).simple();
  await admin`update public.queue set usage = 0.5`;
  await using viewer = await openViewer(`${tailpost.url}/api/logs/stream`);
  assert.equal(await readyz(tailpost), "queue_full");
  await tailpost.sql.begin(async (sql) => {
    await sql`insert into logs (message) values ('written while it was full')`;
    await admin`update public.queue set usage = 0`;
    assert.equal(await readyz(tailpost), null);
    await untilProblem(viewer, null);
  });
  await insert(tailpost, "announced");
  await viewer.untilLog("announced");
  await viewer.untilLog("written while it was full");
  await admin.end();
});

// Before PostgreSQL 17 its size is fixed, at 8 GB.
const ignore = server.version < 17;

Deno.test("a queue that one session keeps full is found and emptied as serve says", { ignore }, async () => {
  await using own = await testServer();
  await own.stop();
  await Deno.writeTextFile(
    join(own.dataDir, "cluster/data/postgresql.auto.conf"),
    "max_notify_queue_pages = 64\n",
  );
  await own.start();
  await using tailpost = await startTailpost(own);
  const sleeper = postgres(tailpost.database.url, { max: 1, onnotice: () => {} });
  const [session] = await sleeper<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await sleeper`listen something`.simple();
  const sleeping = sleeper.begin(async (sql) => {
    await sql`select 1`;
    await new Promise(() => {});
  });
  const ended = assert.rejects(sleeping);
  const admin = postgres(tailpost.database.superuserUrl, { max: 1, onnotice: () => {} });
  for (let i = 0; i < 36; i++) await admin`select pg_notify('something', repeat('x', 7000))`;
  assert.equal(await readyz(tailpost), "queue_full");
  const { error } = await (await fetch(`${tailpost.url}/readyz`)).json();
  const [, query = ""] = /\((select .*)\) and end it/u.exec(error.message) ?? [];
  const found = await admin.unsafe(query);
  assert.equal(found[0]?.pid, session?.pid);
  await admin`select pg_terminate_backend(${session?.pid ?? 0}, 5000)`;
  await ended;
  assert.equal(await readyz(tailpost), null);
  await admin.end();
  await sleeper.end();
});
