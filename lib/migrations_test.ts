import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { testServer } from "../tests/postgres.ts";
import { LEVELS, parseLevel } from "./log.ts";
import {
  migrateDown,
  type MigrateOptions,
  migrateUp,
  type Migration,
  MigrationError,
  type MigrationErrorCode,
  type MigrationProgress,
  migrationStatus,
  readMigrations,
} from "./migrations.ts";

const server = await testServer();
const migrations = await readMigrations();
const names = migrations.map(({ name }) => name);

Deno.test("readMigrations() reads the folder in order, up and down", () => {
  assert.deepEqual(migrations.map(({ number }) => number), migrations.map((_, i) => i + 1));
  assert.deepEqual(names.slice(0, 2), ["logs", "notify"]);
  assert.match(migrations[0]!.up, /create table logs/);
  assert.match(migrations[0]!.down, /drop table logs/);
  assert.match(migrations[0]!.checksum, /^[0-9a-f]{64}$/);
});

Deno.test("readMigrations() has a checksum that an editor's line endings do not change", async () => {
  const read = async (up: string) =>
    (await readFolder({ "0001_a.up.sql": up, "0001_a.down.sql": "" }))[0]!.checksum;
  const lf = await read("select 1;\nselect 2;\n");
  assert.equal(await read("select 1;\r\nselect 2;\r\n"), lf);
  assert.equal(await read("select 1;\rselect 2;\r"), lf);
  assert.notEqual(await read("select 1;\nselect 3;\n"), lf);
  // The same text through another implementation: printf 'select 1;\nselect 2;\n' | sha256sum
  assert.equal(lf, "061e995aebcb765888ac7580f67ee3815a03b9b9c3fd5ff2dbb40db98b53a737");
});

Deno.test("readMigrations() ignores what is no SQL and rejects what is wrong, naming it", async () => {
  const pair = (name: string) => ({ [`${name}.up.sql`]: "", [`${name}.down.sql`]: "" });
  assert.equal((await readFolder({ ...pair("0001_a"), "README.md": "" })).length, 1);
  const cases: [Record<string, string>, RegExp][] = [
    [{ ...pair("0001_a"), "0002-b.up.sql": "" }, /0002-b\.up\.sql is not like 0001_name\.up\.sql/],
    [{ ...pair("0001_a"), ...pair("0001_b") }, /0001_[ab] and 0001_[ab] have the same number/],
    [{ ...pair("0001_a"), ...pair("0003_c") }, /number 2 is missing/],
    [{ ...pair("0001_a"), "0002_b.up.sql": "" }, /0002_b\.down\.sql is missing/],
    [{ ...pair("0001_a"), "0002_b.down.sql": "" }, /0002_b\.up\.sql is missing/],
    [{}, /there are none/],
  ];
  for (const [files, message] of cases) await rejects(readFolder(files), "files", message);
});

Deno.test("migrateUp() applies all, once, and migrationStatus() tells", async () => {
  await using db = await server.database();
  const progress: MigrationProgress[] = [];
  const steps = await migrateUp(db.sql, { onProgress: (event) => progress.push(event) });
  assert.deepEqual(steps.map(({ name, direction }) => [name, direction]), names.map((name) => [name, "up"]));
  assert.deepEqual(progress, steps.flatMap((step) => [{ type: "start", step }, { type: "done", step }]));
  const status = await migrationStatus(db.sql);
  assert.deepEqual(status.map(({ state }) => state), names.map(() => "applied"));
  assert.ok(status.every(({ appliedAt }) => appliedAt instanceof Date));
  assert.deepEqual(await migrateUp(db.sql), []);
  assert.deepEqual([...await db.sql`select id, name from organizations`], [{ id: "1", name: "default" }]);
});

Deno.test("migrateUp() and migrateDown() send the application no notice", async () => {
  await using db = await server.database();
  const notices: unknown[] = [];
  const sql = postgres(db.url, { max: 1, onnotice: (notice) => notices.push(notice) });
  await migrateUp(sql);
  await migrateDown(sql, { steps: Infinity });
  await sql.end();
  assert.deepEqual(notices, []);
});

Deno.test("migrateDown() drops exactly what migrateUp() made", async () => {
  await using db = await server.database();
  const objects = async () =>
    [
      ...await db.sql`
      select 'class' as kind, relname::text as name from pg_class where relnamespace = 'public'::regnamespace
      union all select 'function', proname from pg_proc where pronamespace = 'public'::regnamespace
      union all select 'type', typname from pg_type where typnamespace = 'public'::regnamespace
      union all select 'trigger', tgname from pg_trigger
      order by 1, 2`,
    ].map(({ kind, name }) => `${kind} ${name}`);
  const first: string[][] = [];
  for (const { number } of migrations) {
    await migrateUp(db.sql, { to: number });
    first.push(await objects());
  }
  for (const { number, name } of migrations.toReversed()) {
    assert.deepEqual(await objects(), first[number - 1], `before ${name} is reverted`);
    assert.deepEqual((await migrateDown(db.sql)).map((step) => step.name), [name]);
  }
  assert.deepEqual((await objects()).filter((name) => !name.includes("tailpost_migrations")), []);
  assert.deepEqual(await migrateDown(db.sql), []);
  assert.equal((await migrateUp(db.sql)).length, migrations.length);
  assert.equal((await migrateDown(db.sql, { steps: Infinity })).length, migrations.length);
});

Deno.test("migrationStatus() and a dry run only read: an empty database, a read-only connection", async () => {
  await using db = await server.database();
  const sql = postgres(db.url, { max: 1, connection: { default_transaction_read_only: true } });
  const pending = migrations.map(({ number, name }) => ({ number, name, state: "pending", appliedAt: null }));
  assert.deepEqual(await migrationStatus(sql), pending);
  const steps = await migrateUp(sql, { dryRun: true });
  assert.deepEqual(steps.map((step) => step.sql), migrations.map(({ up }) => up));
  assert.deepEqual(await migrateDown(sql, { dryRun: true }), []);
  assert.equal((await sql`select from pg_class where relnamespace = 'public'::regnamespace`).length, 0);
  await migrateUp(db.sql);
  const down = await migrateDown(sql, { dryRun: true, steps: 2 });
  assert.deepEqual(
    down.map((step) => step.sql),
    migrations.slice(-2).reverse().map((migration) => migration.down),
  );
  assert.deepEqual((await migrationStatus(sql)).map(({ state }) => state), names.map(() => "applied"));
  await sql.end();
});

Deno.test("migrateUp() works on a connection whose transactions are read-only and serializable by default", async () => {
  await using db = await server.database();
  const connection = {
    default_transaction_read_only: true,
    default_transaction_isolation: "serializable" as const,
  };
  const sql = postgres(db.url, { max: 2, connection });
  const ran = await Promise.all([migrateUp(sql), migrateUp(sql)]);
  assert.equal(ran.flat().length, migrations.length);
  await sql.end();
});

Deno.test("migrateUp() by many programs at once applies each migration once", async () => {
  await using db = await server.database();
  const ran = await Promise.all(Array.from({ length: 8 }, () => migrateUp(db.sql)));
  assert.deepEqual(ran.flat().map(({ name }) => name).sort(), names.toSorted());
  assert.deepEqual((await migrationStatus(db.sql)).map(({ state }) => state), names.map(() => "applied"));
});

Deno.test("migrateDown() by two programs at once reverts one migration, not two", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  // Both have looked before either takes the lock: a third one holds it until both wait.
  await using lock = await holdLock(db.sql);
  const both = [migrateDown(db.sql), migrateDown(db.sql)];
  await lock.awaited(2);
  await lock.release();
  assert.equal((await Promise.all(both)).flat().length, 1);
});

Deno.test("migrateUp() waits for another program, says so, and gives up in time", async () => {
  await using db = await server.database();
  const progress: MigrationProgress[] = [];
  const onProgress = (event: MigrationProgress) => progress.push(event);
  {
    await using _lock = await holdLock(db.sql);
    await rejects(
      migrateUp(db.sql, { waitSeconds: 0.05, onProgress }),
      "waiting",
      /another program .* 0\.05 seconds/,
    );
  }
  assert.deepEqual(progress, [{ type: "waiting", seconds: 0.05 }]);
  assert.deepEqual((await migrationStatus(db.sql)).map(({ state }) => state), names.map(() => "pending"));
  assert.equal((await migrateUp(db.sql)).length, migrations.length);
});

Deno.test("migrateUp() goes on where another program ended meanwhile", async () => {
  await using db = await server.database();
  await using lock = await holdLock(db.sql);
  const ran = migrateUp(db.sql);
  await lock.awaited(1);
  const [first] = migrations;
  await lock.sql.unsafe(first!.up);
  await lock.sql`create table tailpost_migrations
    (number integer primary key, name text, checksum text, applied_at timestamptz default now())`;
  await lock.sql`insert into tailpost_migrations values (1, ${first!.name}, ${first!.checksum})`;
  await lock.release();
  assert.deepEqual((await ran).map(({ name }) => name), names.slice(1));
});

Deno.test("migrateUp() gives up on a table that is in use, and changes nothing", async () => {
  await using db = await server.database();
  const options = { migrations: withNext("alter table logs add column tag text"), lockSeconds: 0.05 };
  await migrateUp(db.sql);
  const connection = await db.sql.reserve();
  await connection`begin`;
  await connection`insert into logs (message) values ('in use')`;
  const error = await rejects(
    migrateUp(db.sql, options),
    "busy",
    /_next: a table .* in use for 0\.05 seconds/,
  );
  assert.equal(error.migration, label(options.migrations.length, "next"));
  await connection`commit`;
  connection.release();
  assert.equal((await migrateUp(db.sql, options)).length, 1);
});

Deno.test("migrateUp() keeps nothing of a migration that fails, and everything before it", async () => {
  await using db = await server.database();
  const next = "create table half ();\n\nselect 1 / 0;\n";
  const error = await rejects(
    migrateUp(db.sql, { migrations: withNext(next) }),
    "failed",
    /division by zero/,
  );
  assert.equal(error.migration, label(migrations.length + 1, "next"));
  assert.ok(error.cause instanceof postgres.PostgresError);
  assert.deepEqual([...await db.sql`select to_regclass('half') as half`], [{ half: null }]);
  assert.deepEqual((await migrationStatus(db.sql)).map(({ state }) => state), names.map(() => "applied"));
  // The line, where PostgreSQL points to one; and a role's statement_timeout is not for migrations.
  const typo = withNext("select 1;\n\ncreate tabel half ();\n");
  await rejects(
    migrateUp(db.sql, { migrations: typo }),
    "failed",
    /syntax error at or near "tabel" \(line 3\)/,
  );
  const sql = postgres(db.url, { max: 1, connection: { statement_timeout: 20 } });
  await migrateUp(sql, { migrations: withNext("select pg_sleep(0.05)") });
  await sql.end();
});

Deno.test("migrateDown() names the migration whose down file fails, and keeps it applied", async () => {
  await using db = await server.database();
  const options = { migrations: withNext("create table next ()", "drop table nxet") };
  await migrateUp(db.sql, options);
  await rejects(
    migrateDown(db.sql, options),
    "failed",
    /Cannot revert \d{4}_next: table "nxet" does not exist/,
  );
  assert.equal((await migrationStatus(db.sql, options)).at(-1)!.state, "applied");
});

Deno.test("migrateUp() and migrateDown() refuse a database that the files do not explain", async () => {
  await using db = await server.database();
  const all = withNext("select 1");
  const refuse = async (
    options: MigrateOptions,
    code: MigrationErrorCode,
    number: number,
    message: RegExp,
  ) => {
    for (const dryRun of [false, true]) {
      for (const migrate of [migrateUp, migrateDown]) {
        const error = await rejects(migrate(db.sql, { ...options, dryRun }), code, message);
        assert.equal(error.migration, label(number, all[number - 1]!.name));
      }
    }
    const status = await migrationStatus(db.sql, options);
    assert.equal(status.find((migration) => migration.number === number)!.state, code);
  };
  await migrateUp(db.sql, { migrations: all });
  await refuse({ migrations }, "unknown", all.length, /this version does not know\. Use /);
  const edited = all.map((migration, i) => i === 1 ? { ...migration, checksum: "0" } : migration);
  await refuse({ migrations: edited }, "changed", 2, /edited after it was applied\. Restore /);
  await db.sql`delete from tailpost_migrations where number = 1`;
  await refuse({ migrations: all }, "skipped", 1, /never applied, but a later one was\. Give it /);
});

Deno.test("migrateUp() and migrateDown() check their arguments", async () => {
  await using db = await server.database();
  await rejects(migrateUp(db.sql, { to: 9999 }), "argument", /no migration 9999/);
  for (const steps of [0, -1, 1.5, NaN]) {
    await rejects(migrateDown(db.sql, { steps }), "argument", /is not a number of migrations/);
  }
});

Deno.test("migrateUp() ends when its signal aborts: before, while it waits, while it runs", async () => {
  await using db = await server.database();
  const reason = new Error("stop");
  await assert.rejects(migrateUp(db.sql, { signal: AbortSignal.abort(reason) }), reason);
  {
    await using lock = await holdLock(db.sql);
    const abort = new AbortController();
    const waiting = assert.rejects(migrateUp(db.sql, { signal: abort.signal }), reason);
    await lock.awaited(1);
    abort.abort(reason);
    await waiting;
  }
  await migrateUp(db.sql);
  await using lock = await holdLock(db.sql, 1);
  const abort = new AbortController();
  const next = withNext("create table half (); select pg_advisory_xact_lock(1)");
  const running = assert.rejects(
    migrateUp(db.sql, { migrations: next, signal: abort.signal, lockSeconds: 60 }),
    reason,
  );
  await lock.awaited(1);
  abort.abort(reason);
  await running;
  assert.equal((await migrationStatus(db.sql, { migrations: next })).at(-1)!.state, "pending");
  assert.deepEqual([...await db.sql`select to_regclass('half') as half`], [{ half: null }]);
});

Deno.test("migrateUp() works in a schema of its own", async () => {
  await using db = await server.database();
  await db.sql`create schema "Log Store"`;
  const sql = postgres(db.url, { max: 1, connection: { search_path: '"Log Store"' } });
  await migrateUp(sql);
  await sql`insert into logs (message) values ('here')`;
  await sql.end();
  assert.equal((await db.sql`select message from "Log Store".logs`).length, 1);
  assert.equal((await db.sql`select from pg_class where relnamespace = 'public'::regnamespace`).length, 0);
});

Deno.test("logs: what is not given has a default, and xid is the transaction", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const [row] = await db.sql`
    insert into logs (message) values ('only this')
    returning *, xid = pg_current_xact_id() as own, "timestamp" = now() as now`;
  const { id, organization_id, level, service, metadata, own, now } = row!;
  assert.deepEqual(
    { id, organization_id, level, service, metadata, own, now },
    {
      id: "1",
      organization_id: "1",
      level: "info",
      service: "default",
      metadata: null,
      own: true,
      now: true,
    },
  );
});

Deno.test("logs: catch-up and history use their indexes", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  await db.sql`alter table logs disable trigger logs_notify`;
  await db.sql`
    insert into logs (organization_id, message, xid)
    select 1 + g % 500, 'message', (g / 10 + 3)::text::xid8 from generate_series(1, 20000) as g`;
  await db.sql`analyze logs`;
  const plan = async (query: postgres.PendingQuery<postgres.Row[]>) =>
    (await query).map((row) => row["QUERY PLAN"]).join("\n");
  const cursor = "1900:1950:1900,1920";
  assert.match(
    await plan(db.sql`
      explain select id from logs
      where organization_id = 7 and xid >= pg_snapshot_xmin(${cursor}::pg_snapshot)
        and not pg_visible_in_snapshot(xid, ${cursor}::pg_snapshot)
      order by xid, id limit 10001`),
    /Index Scan (?:using|on) logs_organization_id_xid [\s\S]*Index Cond: \(\(organization_id = .*xid >= /,
  );
  assert.match(
    await plan(
      db.sql`explain select id from logs where organization_id = 7 and id < 15000 order by id desc limit 100`,
    ),
    /Scan (?:Backward using|on) logs_organization_id_id [\s\S]*Index Cond: \(\(organization_id = .*id < /,
  );
});

Deno.test("log_level() maps as parseLevel() does, whatever else is info", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const known = [
    ...LEVELS,
    ..."verbose dbg information informational notice warning err severe critical crit alert emerg emergency panic"
      .split(" "),
  ];
  const cased = fc.constantFrom(...known).chain((name) =>
    fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((upper) =>
      [...name].map((c, i) => upper[i] ? c.toUpperCase() : c).join("")
    )
  );
  const text = fc.string({ unit: "binary" }).map((s) => s.replaceAll("\0", ""));
  const name = fc.oneof(
    { weight: 3, arbitrary: cased },
    cased.map((s) => `\t ${s}\r\n`),
    cased.map((s) => `${s}x`),
    text,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(name, { maxLength: 200 }), async (levels) => {
      const rows = await db.sql<{ level: string }[]>`
        select log_level(name) as level from unnest(${levels}::text[]) with ordinality as t (name, n) order by n`;
      assert.deepEqual(rows.map(({ level }) => level), levels.map((level) => parseLevel(level) ?? "info"));
    }),
    { numRuns: 25 },
  );
  const odd = [null, "", "INFORMATION ", "İNFO", "ERRÖR"];
  const rows = await db.sql`select log_level(name) as level from unnest(${odd}::text[]) as name`;
  assert.deepEqual(rows.map(({ level }) => level), odd.map(() => "info"));
});

Deno.test("log_timestamp() is ISO 8601 with milliseconds, whatever the session's settings", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const connection = { TimeZone: "America/St_Johns", DateStyle: "German", IntervalStyle: "sql_standard" };
  const sql = postgres(db.url, { max: 1, connection });
  const format = async (times: (string | null)[]) =>
    (await sql<{ text: string }[]>`
      select log_timestamp(time::timestamptz) as text
      from unnest(${times}::text[]) with ordinality as t (time, n) order by n`).map(({ text }) => text);
  const cases: [string | null, string | null][] = [
    ["2026-01-31 12:00:00+00", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31 12:00:00.123999+02", "2026-01-31T10:00:00.123Z"],
    ["1969-12-31 23:59:59.9999+00", "1969-12-31T23:59:59.999Z"],
    ["infinity", "9999-12-31T23:59:59.999Z"],
    ["-infinity", "0001-01-01T00:00:00.000Z"],
    ["10000-01-01 00:00:00+00", "9999-12-31T23:59:59.999Z"],
    ["9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999Z"],
    ["294276-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999Z"],
    ["0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000Z"],
    ["0001-12-31 23:59:59+00 BC", "0001-01-01T00:00:00.000Z"],
    ["4714-11-24 00:00:00+00 BC", "0001-01-01T00:00:00.000Z"],
    [null, null],
  ];
  assert.deepEqual(await format(cases.map(([time]) => time)), cases.map(([, text]) => text));
  const date = fc.date({
    min: new Date("0001-01-01T00:00:00.000Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(date, { maxLength: 200 }), async (dates) => {
      const texts = dates.map((date) => date.toISOString());
      assert.deepEqual(await format(texts), texts);
    }),
    { numRuns: 25 },
  );
  await sql.end();
});

Deno.test("log_level() and log_timestamp() are inlined into the queries that call them", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const rows = await db.sql`
    explain (verbose) select log_level(level), log_timestamp("timestamp") from logs where log_level(level) = 'error'`;
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  assert.match(plan, /to_char/);
  assert.doesNotMatch(plan, /log_level|log_timestamp/);
});

function label(number: number, name: string): string {
  return `${String(number).padStart(4, "0")}_${name}`;
}

/** The real migrations and one more. */
function withNext(up: string, down = ""): Migration[] {
  return [...migrations, { number: migrations.length + 1, name: "next", up, down, checksum: up }];
}

async function readFolder(files: Record<string, string>): Promise<Migration[]> {
  const folder = await Deno.makeTempDir({ prefix: "tailpost-migrations-" });
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    return await readMigrations(new URL(`file://${folder}/`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rejects(
  promise: Promise<unknown>,
  code: MigrationErrorCode,
  message: RegExp,
): Promise<MigrationError> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof MigrationError, `${error} is no MigrationError`);
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return error;
}

/** The advisory lock of a migration that runs (or another one), held in an open transaction. */
async function holdLock(sql: postgres.Sql, key: number | string = "8386099895604310900") {
  const connection = await sql.reserve();
  await connection`begin`;
  await connection`select pg_advisory_xact_lock(${key}::bigint)`;
  let held = true;
  const release = async () => {
    if (!held) return;
    held = false;
    await connection`commit`;
    connection.release();
  };
  return {
    sql: connection,
    /** Resolves once so many others wait for it. */
    async awaited(count: number) {
      for (;;) {
        const [row] = await connection`
          select count(*)::int as waiting from pg_locks
          where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`;
        if (row?.waiting === count) return;
      }
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}
