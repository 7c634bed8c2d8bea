import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { migrateUp } from "../lib/migrations.ts";
import { type TestDatabase, testServer } from "./postgres.ts";

const server = await testServer({ settings: { max_prepared_transactions: "300" } });
const MAX_BYTES = 7900;

/** A log of a payload; its id alone when the rest would not fit. */
interface Entry {
  id: number;
  timestamp?: string;
  level?: string;
  service?: string;
  message?: string;
  truncated?: true;
}

interface Heard {
  organization: string;
  payload: string;
  s: string;
  logs: Entry[];
  more: boolean;
}

/** What a test inserts. */
interface Row {
  organization_id?: number;
  timestamp?: string;
  level?: string;
  service?: string;
  message: string;
  metadata?: Record<string, string>;
}

Deno.test("logs_notify() announces a row, exactly so", async () => {
  await using db = await database();
  const [heard] = await db.hear(() =>
    db.sql`
      insert into logs (id, timestamp, level, service, message, metadata)
      values (12345, '2026-01-31 13:00:00.1239+01', 'WARNING', 'api', 'GET /', '{"user":"u"}')`
  );
  const { s } = heard!;
  assert.match(s, /^\d+:\d+:(\d+(,\d+)*)?$/);
  assert.equal(
    heard!.payload,
    `{"s":"${s}","logs":[{"id":12345,"timestamp":"2026-01-31T12:00:00.123Z","level":"warn","service":"api","message":"GET /"}]}`,
  );
  assert.equal(heard!.organization, "1");
});

Deno.test("logs_notify() has a cursor that covers what ended before and never its own transaction", async () => {
  await using db = await database();
  const xid = async (query: PromiseLike<postgres.Row[]>) => (await query)[0]!.xid as string;
  const before = await xid(db.sql`insert into logs (message) values ('before') returning xid::text`);
  const [running, other] = [await db.sql.reserve(), await db.sql.reserve()];
  await running`begin`;
  const still = await xid(running`select pg_current_xact_id()::text as xid`);
  const visible = async (s: string, xid: string) =>
    (await db.sql`select pg_visible_in_snapshot(${xid}::xid8, ${s}::pg_snapshot) as visible`)[0]!.visible;
  // In one statement; in a transaction where later ones ended between its statements; with a snapshot from its start.
  let own = "";
  const statements = [
    async () => {
      own = await xid(other`insert into logs (message) values ('alone') returning xid::text`);
    },
    ...["read committed", "repeatable read", "serializable"].map((level) => async () => {
      await other.unsafe(`begin isolation level ${level}`);
      own = await xid(other`insert into logs (message) values ('first') returning xid::text`);
      await db.sql`insert into logs (organization_id, message) values (2, 'a later one that ends')`;
      await other`insert into logs (message) select 'second ' || n || repeat('x', 900) from generate_series(1, 20) as n`;
      await other`commit`;
    }),
  ];
  for (const statement of statements) {
    const heard = await db.hear(statement);
    assert.ok(heard.length > 0);
    for (const { s } of heard) {
      assert.equal(await visible(s, own), false);
      assert.equal(await visible(s, still), false);
      assert.equal(await visible(s, before), true);
    }
  }
  await running`rollback`;
  running.release();
  other.release();
});

Deno.test("logs_notify() keeps its cursor short and true while hundreds of transactions run", async () => {
  await using db = await database();
  // A prepared transaction runs without a connection. Each goes before its database can.
  await using cleanup = new AsyncDisposableStack();
  const connection = await db.sql.reserve();
  cleanup.defer(() => connection.release());
  const xids: string[] = [];
  for (let i = 0; i < 300; i++) {
    const gid = `${db.name}_${i}`;
    await connection`begin`;
    xids.push((await connection<{ xid: string }[]>`select pg_current_xact_id()::text as xid`)[0]!.xid);
    await connection.unsafe(`prepare transaction '${gid}'`);
    cleanup.defer(async () => void await connection.unsafe(`rollback prepared '${gid}'`));
  }
  await db
    .sql`insert into logs (message) values ('a later one that ends: before it, none of them is listed')`;
  const [row] = await db.sql`select pg_current_snapshot()::text as s`;
  assert.ok(row!.s.length > 1000, row!.s);
  const heard = await db.hear(() => connection`insert into logs (message) values ('m')`);
  assert.equal(heard.length, 1);
  const { s } = heard[0]!;
  assert.ok(s.length < 1000, s);
  const covered = await db.sql`
    select xid from unnest(${xids}::text[]) as xid where pg_visible_in_snapshot(xid::xid8, ${s}::pg_snapshot)`;
  assert.deepEqual([...covered], []);
});

Deno.test("logs_notify() packs whatever rows hold: complete, in order, tight, valid", async () => {
  await using db = await database();
  const character = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(..."abc \"\\/{}[]:,'") },
    fc.constantFrom(
      "\u0001",
      "\b",
      "\f",
      "\n",
      "\r",
      "\t",
      "\u001f",
      "\u007f",
      "\u0085",
      "\u2028",
      "\ufeff",
      "\uffff",
    ),
    fc.constantFrom("é", "ß", "漢", "😀", "👩‍👩‍👧", "\u{10ffff}", "\\u0000", "\\ud800", "\\u", "</script>", "$$"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  );
  const text = (max: number) =>
    fc.tuple(fc.array(character, { minLength: 1, maxLength: 12 }), fc.nat(max)).map(([parts, length]) => {
      const piece = parts.join("").replaceAll("\0", "") || "x";
      return Array.from(piece.repeat(Math.ceil(length / Array.from(piece).length))).slice(0, length).join("");
    });
  const row: fc.Arbitrary<Row> = fc.record({
    organization_id: fc.constantFrom(1, 1, 1, 2, 3),
    timestamp: fc.constantFrom("2026-01-31 12:00:00.5+00", "infinity", "-infinity", "0044-03-15 BC"),
    level: fc.oneof(fc.constantFrom("info", "ERROR", "warning"), text(30)),
    service: fc.oneof({ weight: 9, arbitrary: text(20) }, text(9000)),
    message: fc.oneof(
      { weight: 3, arbitrary: text(60) },
      text(400),
      text(1010),
      fc.constantFrom("", "x".repeat(1001)),
    ),
  });
  const statement = fc.oneof(fc.array(row, { maxLength: 3 }), fc.array(row, { maxLength: 120 }));
  await fc.assert(
    fc.asyncProperty(fc.array(statement, { minLength: 1, maxLength: 3 }), async (statements) => {
      const inserted: (Row & { id: number })[][] = [];
      const heard = await db.hear(() =>
        db.sql.begin(async (sql) => {
          for (const rows of statements) {
            const ids = await insert(sql, rows);
            inserted.push(rows.map((row, i) => ({ ...row, id: ids[i]! })));
          }
        })
      );
      for (const organization of ["1", "2", "3"]) {
        const payloads = heard.filter((payload) => payload.organization === organization);
        for (const statement of inserted) {
          const rows = statement.filter((row) => String(row.organization_id) === organization);
          const ids = new Set(rows.map(({ id }) => id));
          const own: Heard[] = [];
          while (payloads.length > 0 && ids.has(payloads[0]!.logs[0]!.id)) own.push(payloads.shift()!);
          checkPayloads(own, rows);
        }
        assert.deepEqual(payloads, []);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("logs_notify() cuts a message at the preview, in characters, and says so", async () => {
  await using db = await database();
  const cases: [string, string, boolean][] = [
    ["x".repeat(1000), "x".repeat(1000), false],
    ["x".repeat(1001), "x".repeat(1000), true],
    ["😀".repeat(1000), "😀".repeat(1000), false],
    ["😀".repeat(1001), "😀".repeat(1000), true],
    ["x".repeat(999) + "😀", "x".repeat(999) + "😀", false],
    ["x".repeat(999) + "😀y", "x".repeat(999) + "😀", true],
    ["\n".repeat(1000), "\n".repeat(1000), false],
    ["\u0001".repeat(1200), "\u0001".repeat(1000), true],
    ["x".repeat(3_000_000), "x".repeat(1000), true],
  ];
  for (const [message, preview, truncated] of cases) {
    const [heard] = await db.hear(() => db.sql`insert into logs (message) values (${message})`);
    const [log] = heard!.logs;
    assert.equal(log!.message, preview);
    assert.equal(log!.truncated, truncated ? true : undefined);
  }
});

Deno.test("logs_notify() takes the preview as its argument, and 1000 for what is none", async () => {
  await using db = await database();
  const cases: [string, number][] = [
    ["'5'", 5],
    ["0", 0],
    ["'3000'", 3000],
    ["", 1000],
    ["''", 1000],
    ["'-1'", 1000],
    ["'many'", 1000],
    ["'1e3'", 1000],
    ["'99999999999999999999'", 1000],
  ];
  for (const [argument, length] of cases) {
    await db.sql.unsafe(`
      create or replace trigger logs_notify after insert on logs referencing new table as new_logs
      for each statement execute function logs_notify(${argument})`);
    const [heard] = await db.hear(() => db.sql`insert into logs (message) values (${"x".repeat(5000)})`);
    assert.equal(heard!.logs[0]!.message!.length, length, argument);
    assert.equal(heard!.logs[0]!.truncated, true);
  }
});

Deno.test("logs_notify() sends the id alone of a row that fits no payload, packed like the others", async () => {
  await using db = await database();
  const rows = Array.from({ length: 1000 }, (_, i): Row => ({
    message: "m",
    service: i % 100 === 50 ? "short" : "s".repeat(20_000),
  }));
  const heard = await db.hear(() => insert(db.sql, rows));
  checkPayloads(heard, rows.map((row, i) => ({ ...row, id: i + 1 })));
  assert.equal(heard.flatMap(({ logs }) => logs).filter((log) => log.message === undefined).length, 990);
  assert.ok(heard.length <= 3, `${heard.length} payloads`);
});

Deno.test("logs_notify() says more, once, from 20,000 rows of an organization in a transaction on", async () => {
  await using db = await database();
  const fill = (sql: postgres.ISql, count: number, organization = 1) =>
    sql`insert into logs (organization_id, message) select ${organization}, 'm' from generate_series(1, ${count})`;
  const summary = (heard: Heard[]) =>
    heard.reduce<Record<string, [rows: number, more: number]>>((sums, { organization, logs, more }) => {
      const sum = sums[organization] ??= [0, 0];
      sum[0] += logs.length;
      sum[1] += more ? 1 : 0;
      return sums;
    }, {});
  const hear = async (run: (sql: postgres.TransactionSql) => Promise<unknown>) =>
    summary(await db.hear(() => db.sql.begin(run)));

  assert.deepEqual(await hear((sql) => fill(sql, 20_000)), { 1: [20_000, 0] });
  assert.deepEqual(await hear((sql) => fill(sql, 20_001)), { 1: [0, 1] });
  assert.deepEqual(await hear((sql) => fill(sql, 200_000)), { 1: [0, 1] });
  const inSteps = await hear(async (sql) => {
    for (const count of [12_000, 8_000, 2, 2, 30_000]) await fill(sql, count);
    await fill(sql, 7_000, 2);
    await fill(sql, 2);
    await fill(sql, 13_000, 2);
  });
  assert.deepEqual(inSteps, { 1: [20_000, 1], 2: [20_000, 0] });
  assert.deepEqual(await hear((sql) => fill(sql, 2)), { 1: [2, 0] }, "the next transaction begins anew");
  const oneByOne = await hear(async (sql) => {
    await fill(sql, 19_999);
    // Single rows are counted from the second second on.
    await sql`select pg_sleep(1)`;
    for (const count of [1, 1, 1]) await fill(sql, count);
  });
  assert.deepEqual(oneByOne, { 1: [20_000, 1] });
  const mixed = await hear((sql) =>
    sql`
      insert into logs (organization_id, message)
      select case when n % 10 = 0 then 2 when n % 10 = 1 then 30 else 1 end, 'm' from generate_series(1, 40000) as n`
  );
  assert.deepEqual(mixed, { 1: [0, 1], 2: [4_000, 0], 30: [4_000, 0] });
});

Deno.test("logs_notify() counts with savepoints: what they undo was not announced", async () => {
  await using db = await database();
  const fill = (sql: postgres.ISql, count: number) =>
    sql`insert into logs (message) select 'm' from generate_series(1, ${count})`;
  const undone = (sql: postgres.TransactionSql, count: number) =>
    assert.rejects(
      sql.savepoint(async (sql) => {
        await fill(sql, count);
        throw new Error("undo");
      }),
      /undo/,
    );
  const heard = await db.hear(() =>
    db.sql.begin(async (sql) => {
      await fill(sql, 5);
      await undone(sql, 15_000);
      await undone(sql, 15_000);
      await undone(sql, 30_000); // a "more" that is undone as well
      await fill(sql, 6);
      await sql.savepoint((sql) => fill(sql, 30_000));
      await undone(sql, 1);
      await fill(sql, 7);
    })
  );
  assert.deepEqual(heard.map(({ logs, more }) => more || logs.length), [5, 6, true]);
});

Deno.test("logs_notify() counts for so many organizations as one transaction may have", async () => {
  await using db = await database();
  // Far more than the setting holds: that costs counts of the oldest, never a row.
  const heard = await db.hear(() =>
    db.sql.begin(async (sql) => {
      for (let i = 0; i < 3; i++) {
        await sql`insert into logs (organization_id, message) select n, 'm' from generate_series(1, 3000) as n`;
      }
      const [row] = await sql`select current_setting('tailpost.announced') as announced`;
      assert.ok(row!.announced.length <= 2000);
    }), "9");
  assert.equal(heard.length, 3);
});

Deno.test("logs_notify() sends one payload an organization where rows of many alternate", async () => {
  await using db = await database();
  const rows = Array.from(
    { length: 900 },
    (_, i): Row => ({ organization_id: 1 + (i * 7) % 30, message: `m${i}` }),
  );
  const heard = await db.hear(() => insert(db.sql, rows));
  assert.equal(heard.length, 30);
  for (const { organization, logs } of heard) {
    const expected = rows.filter((row) => String(row.organization_id) === organization);
    assert.deepEqual(logs.map(({ message }) => message), expected.map(({ message }) => message));
  }
});

Deno.test("logs_notify() hears every way to insert", async () => {
  await using db = await database();
  const { sql } = db;
  const messages = async (run: () => Promise<unknown>) =>
    (await db.hear(run)).map(({ logs }) => logs.map(({ message }) => message));

  assert.deepEqual(await messages(() => sql`insert into logs (message) values ('a'), ('b'), ('c')`), [[
    "a",
    "b",
    "c",
  ]]);
  assert.deepEqual(
    await messages(() => sql`insert into logs (message) select message from logs order by id`),
    [
      ["a", "b", "c"],
    ],
  );
  assert.deepEqual(
    await messages(() => sql`insert into logs (message) select message from logs where false`),
    [],
  );
  assert.deepEqual(
    await messages(() =>
      sql`insert into logs (id, message) values (1, 'old'), (99, 'new') on conflict do nothing`
    ),
    [["new"]],
  );
  assert.deepEqual(
    await messages(() =>
      sql`insert into logs (id, message) values (1, 'updated'), (100, 'new')
          on conflict (id) do update set message = excluded.message`
    ),
    [["new"]],
  );
  assert.deepEqual(
    await messages(() =>
      sql`with made as (insert into logs (message) values ('in a with') returning *)
          select id from made`
    ),
    [["in a with"]],
  );
  assert.deepEqual(
    await messages(async () => {
      const copy = await sql`copy logs (message) from stdin`.writable();
      await new Promise<void>((resolve, reject) => {
        copy.on("error", reject).on("finish", resolve).end("one\ntwo\n");
      });
    }),
    [["one", "two"]],
  );
  assert.deepEqual(await messages(() => sql`update logs set message = 'changed'`), []);
  assert.deepEqual(await messages(() => sql`delete from logs`), []);
  assert.deepEqual(
    await messages(() =>
      assert.rejects(
        sql.begin(async (sql) => {
          await sql`insert into logs (message) values ('undone')`;
          throw new Error("undo");
        }),
        /undo/,
      )
    ),
    [],
  );
});

Deno.test("logs_notify() announces at commit, in the order of commits, however the ids lie", async () => {
  await using db = await database();
  const [first, second] = [await db.sql.reserve(), await db.sql.reserve()];
  const heard = await db.hear(async () => {
    await first`begin`;
    await first`insert into logs (message) values ('lower id, later commit')`;
    await second`insert into logs (message) values ('higher id, earlier commit')`;
    await first`commit`;
  });
  assert.deepEqual(heard.flatMap(({ logs }) => logs.map(({ id }) => id)), [2, 1]);
  first.release();
  second.release();
});

Deno.test("logs_notify() works on a partitioned table, for what is inserted through it", async () => {
  await using db = await database();
  await db.sql.unsafe(`
    drop table logs;
    create table logs (
      id bigint generated by default as identity, organization_id bigint not null default 1,
      timestamp timestamptz not null default now(), level text not null default 'info',
      service text not null default 'default', message text not null, metadata jsonb,
      xid xid8 not null default pg_current_xact_id()
    ) partition by hash (id);
    create table logs_0 partition of logs for values with (modulus 2, remainder 0);
    create table logs_1 partition of logs for values with (modulus 2, remainder 1);
    create trigger logs_notify after insert on logs referencing new table as new_logs
      for each statement execute function logs_notify(1000)`);
  const rows = Array.from({ length: 500 }, (_, i): Row => ({ message: `m${i}` }));
  const heard = await db.hear(() => insert(db.sql, rows));
  assert.deepEqual(
    heard.flatMap(({ logs }) => logs.map(({ message }) => message)),
    rows.map(({ message }) => message),
  );
});

Deno.test("logs_notify() runs with the rights and the settings of whoever inserts, and minds none", async () => {
  await using db = await database();
  await using admin = connect(db.superuserUrl);
  const role = `writer_${db.name}`;
  await admin.sql.unsafe(`
    create role ${role} login;
    alter default privileges revoke execute on functions from public;
    grant insert on logs to ${role};
    grant usage on schema public to ${role};
    create schema hostile;
    grant usage on schema hostile to public;
    create function hostile.boom(text, text) returns text language plpgsql as $$ begin raise exception 'boom'; end $$;
    create function hostile.boom_int(integer, integer) returns boolean language plpgsql as
      $$ begin raise exception 'boom'; end $$;
    create operator hostile.|| (leftarg = text, rightarg = text, function = hostile.boom);
    create operator hostile.> (leftarg = integer, rightarg = integer, function = hostile.boom_int);
    create function hostile.pg_notify(text, text) returns void language plpgsql as
      $$ begin raise exception 'boom'; end $$;
    create function hostile.log_level(text) returns text language plpgsql as $$ begin raise exception 'boom'; end $$;
    create table hostile.new_logs (id bigint);
    grant execute on all functions in schema hostile to public`);
  const settings: Record<string, string>[] = [
    { search_path: "hostile, pg_catalog, public" },
    { search_path: "" },
    { TimeZone: "Asia/Kathmandu", DateStyle: "SQL, DMY", IntervalStyle: "postgres_verbose" },
    { standard_conforming_strings: "off", backslash_quote: "on", escape_string_warning: "on" },
    { default_transaction_isolation: "serializable", default_transaction_deferrable: "on" },
    { bytea_output: "escape", extra_float_digits: "-15", xmlbinary: "hex", quote_all_identifiers: "on" },
    { client_min_messages: "notice", plan_cache_mode: "force_generic_plan", jit: "on", jit_above_cost: "0" },
    { "plpgsql.variable_conflict": "error", check_function_bodies: "off", row_security: "off" },
  ];
  for (const connection of settings) {
    const url = Object.assign(new URL(db.superuserUrl), { username: "postgres" });
    const notices: unknown[] = [];
    const sql = postgres(url.href, { max: 1, connection, onnotice: (notice) => notices.push(notice) });
    await sql`select set_config('role', ${role}, false)`;
    const heard = await db.hear(() =>
      sql`
        insert into public.logs ("timestamp", level, message)
        select '2026-01-31 12:00:00+00', 'ERROR', 'm' from pg_catalog.generate_series(1, 2)`
    );
    const log = { timestamp: "2026-01-31T12:00:00.000Z", level: "error", service: "default", message: "m" };
    assert.deepEqual(
      heard.map(({ logs }) => logs.map(({ id: _, ...rest }) => rest)),
      [[log, log]],
      JSON.stringify(connection),
    );
    assert.deepEqual(notices, []);
    await assert.rejects(sql`select from public.logs`, /permission denied/);
    await sql.end();
  }
  await admin.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
});

Deno.test("logs_notify() works in a schema of any name", async () => {
  await using db = await server.database();
  await db.sql`create schema ${db.sql(`Log's "Store"`)}`;
  const sql = postgres(db.url, { max: 2, connection: { search_path: `"Log's ""Store"""` } });
  await migrateUp(sql);
  const heard = await listenTo(
    db.sql,
    ["1"],
    () => db.sql`insert into "Log's ""Store""".logs (message) values ('here')`,
  );
  assert.equal(heard[0]!.logs[0]!.message, "here");
  await sql.end();
});

Deno.test("logs_notify() keeps to the limit in UTF-8 in a database of another encoding", async () => {
  await using db = await encoded("LATIN1");
  const rows: Row[] = Array.from({ length: 300 }, (_, i) => ({ message: "é".repeat(i * 4), service: "ü" }));
  const heard = await db.hear(() => insert(db.sql, rows));
  checkPayloads(heard, rows.map((row, i) => ({ ...row, id: i + 1 })));
});

Deno.test("logs_notify() says more, and never fails, where a text cannot be UTF-8", async () => {
  await using db = await encoded("WIN1252");
  // 0x81 is no character of WIN1252. A client that speaks the same encoding can store it all the same.
  await using client = connect(db.url, { client_encoding: "WIN1252" });
  const heard = await db.hear(() => client.sql`insert into logs (message) values ('a' || chr(129)), ('b')`);
  assert.deepEqual(heard.map(({ more }) => more), [true]);
  assert.deepEqual(client.notices, []);
  assert.equal((await client.sql`select from logs`).length, 2);
});

Deno.test("logs_notify() says more, and never fails, where its setting is not its own", async () => {
  await using db = await database();
  await using client = connect(db.url, { "tailpost.announced": ",1=many," });
  const heard = await db.hear(() => client.sql`insert into logs (message) values ('m'), ('n')`);
  assert.deepEqual(heard.map(({ more }) => more), [true]);
  await client.sql`set tailpost.announced = 'nonsense'`;
  const next = await db.hear(() => client.sql`insert into logs (message) values ('m'), ('n')`);
  assert.deepEqual(next.map(({ logs }) => logs.length), [2]);
  assert.deepEqual(client.notices, []);
});

Deno.test("logs_notify() says more, and never fails, where its functions are gone", async () => {
  await using db = await database();
  await db.sql`alter function log_entry rename to log_entry_old`;
  await using client = connect(db.url);
  const heard = await db.hear(() =>
    client.sql`insert into logs (organization_id, message) values (1, 'a'), (2, 'b'), (1, 'c')`
  );
  assert.deepEqual(heard.map(({ organization, more }) => [organization, more]).sort(), [["1", true], [
    "2",
    true,
  ]]);
  assert.deepEqual(client.notices, []);
});

Deno.test("logs_notify() says more while the queue fills, and nothing when it is nearly half full", async () => {
  await using db = await database();
  await using admin = connect(db.superuserUrl);
  // A real queue has 8 GB. In this database, the function that measures it says what the session wants it to.
  await admin.sql.unsafe(`
    set allow_system_table_mods = on;
    alter function pg_catalog.pg_notification_queue_usage() rename to real_queue_usage;
    create function pg_catalog.pg_notification_queue_usage() returns double precision
      language sql volatile as $$ select current_setting('test.usage')::double precision $$`);
  await using client = connect(db.url);
  const setUsage = (usage: string) => client.sql`select set_config('test.usage', ${usage}, false)`;
  const hear = async () =>
    (await db.hear(() =>
      client.sql.begin(async (sql) => {
        await sql`insert into logs (organization_id, message) values (1, 'a'), (1, 'b'), (2, 'c')`;
        await sql`insert into logs (message) values ('d')`;
      })
    )).map(({ organization, logs, more }) => `${organization}: ${more ? "more" : logs.length}`);
  await setUsage("0.2");
  assert.deepEqual(await hear(), ["1: 2", "2: 1", "1: 1"]);
  await setUsage("0.3");
  assert.deepEqual(await hear(), ["1: more", "2: more"]);
  await setUsage("0.46");
  assert.deepEqual(await hear(), []);
  await setUsage("0");
  assert.deepEqual(await hear(), ["1: 2", "2: 1", "1: 1"]);
  assert.deepEqual(client.notices, []);
  assert.equal((await db.sql`select from logs`).length, 16);
});

Deno.test("logs_notify() is one trigger among others", async () => {
  await using db = await database();
  await db.sql.unsafe(`
    create table jobs (id bigint generated by default as identity primary key);
    create function job_log() returns trigger language plpgsql as $$
      begin insert into logs (service, message) values (tg_argv[0], 'job ' || new.id); return null; end $$;
    create trigger now after insert on jobs for each row execute function job_log('now');
    create constraint trigger at_commit after insert on jobs deferrable initially deferred
      for each row execute function job_log('at commit');
    create function log_of_log() returns trigger language plpgsql as $$
      begin insert into logs (service, message) values ('echo', new.message); return null; end $$;
    create trigger echo after insert on logs for each row when (new.service = 'now') execute function log_of_log()`);
  const heard = await db.hear(() => db.sql`insert into jobs default values`);
  assert.deepEqual(
    heard.flatMap(({ logs }) => logs.map(({ service, message }) => `${service}: ${message}`)).sort(),
    ["at commit: job 1", "echo: job 1", "now: job 1"],
  );
});

Deno.test("logs_notify() survives changes of the table within a session and a transaction", async () => {
  await using db = await database();
  const heard = await db.hear(() =>
    db.sql.begin(async (sql) => {
      for (let i = 0; i < 8; i++) {
        await sql`insert into logs (message) values (${`one ${i}`})`;
        await sql`insert into logs (message) values (${`two ${i}`}), (${`three ${i}`})`;
        await sql.unsafe(
          i % 2 ? "alter table logs drop column extra" : "alter table logs add column extra text default 'x'",
        );
      }
    })
  );
  assert.equal(heard.flatMap(({ logs }) => logs).length, 24);
});

Deno.test("logs_notify() stays silent for a replica's session, which inserts all the same", async () => {
  await using db = await database();
  await using admin = connect(db.superuserUrl, { session_replication_role: "replica" });
  assert.deepEqual(await db.hear(() => admin.sql`insert into logs (message) values ('copied')`), []);
  assert.equal((await db.sql`select from logs`).length, 1);
});

type Hear = (run: () => PromiseLike<unknown>, ...organizations: string[]) => Promise<Heard[]>;

/** A database with all migrations, and what its channels say. */
async function database(): Promise<TestDatabase & { hear: Hear }> {
  const db = await server.database();
  await migrateUp(db.sql);
  return withHear(db);
}

/** By default the organizations that these tests use. */
function withHear<T extends { sql: postgres.Sql }>(db: T): T & { hear: Hear } {
  const all = Array.from({ length: 30 }, (_, i) => String(i + 1));
  const hear: Hear = (run, ...organizations) =>
    listenTo(db.sql, organizations.length > 0 ? organizations : all, run);
  return Object.assign(db, { hear });
}

/** Runs and returns all that the channels of the organizations said until then: a last NOTIFY of our own ends it. */
async function listenTo(
  sql: postgres.Sql,
  organizations: string[],
  run: () => PromiseLike<unknown>,
): Promise<Heard[]> {
  const heard: Heard[] = [];
  const marker = Promise.withResolvers<void>();
  // All of them, for ever.
  await sql`select setval(oid::regclass, 9223372036854775807) from pg_class where relname = 'tailpost_watched'`;
  const listens = await Promise.all([
    sql.listen("marker", () => marker.resolve()),
    ...organizations.map((organization) =>
      sql.listen(`logs_${organization}`, (payload) => {
        const { s, logs = [], more = false } = JSON.parse(payload);
        heard.push({ organization, payload, s, logs, more });
      })
    ),
  ]);
  await run();
  await sql.notify("marker", "");
  await marker.promise;
  await Promise.all(listens.map(({ unlisten }) => unlisten()));
  for (const { payload } of heard) {
    assert.ok(bytes(payload) <= MAX_BYTES, `${bytes(payload)} bytes`);
    assert.equal(JSON.stringify(JSON.parse(payload)), payload);
  }
  return heard;
}

/** One statement; returns the ids in the order of the rows. */
async function insert(sql: postgres.ISql, rows: readonly Row[]): Promise<number[]> {
  const column = <K extends keyof Row>(name: K) => rows.map((row) => row[name] ?? null) as (string | null)[];
  const inserted = await sql<{ id: string }[]>`
    insert into logs (organization_id, "timestamp", level, service, message, metadata)
    select coalesce(organization_id, 1), coalesce("timestamp", now()), coalesce(level, 'info'),
      coalesce(service, 'default'), message, '{"never":"sent"}'
    from unnest(
      ${rows.map((row) => row.organization_id ?? null)}::bigint[], ${
    column("timestamp")
  }::text[]::timestamptz[],
      ${column("level")}::text[], ${column("service")}::text[], ${column("message")}::text[]
    ) with ordinality as t (organization_id, "timestamp", level, service, message, n)
    order by n
    returning id`;
  return inserted.map(({ id }) => Number(id));
}

/** What the payloads of one statement to one organization have to be, for these rows. */
function checkPayloads(payloads: readonly Heard[], rows: readonly (Row & { id: number })[]): void {
  assert.deepEqual(payloads.flatMap(({ logs }) => logs.map(({ id }) => id)), rows.map(({ id }) => id));
  let i = 0;
  for (const { s, payload, logs } of payloads) {
    const room = MAX_BYTES - bytes(`{"s":"${s}","logs":[]}`);
    for (const log of logs) {
      const { id, message, service = "default" } = rows[i++]!;
      const characters = Array.from(message);
      const truncated = characters.length > 1000;
      const whole = { service, message: truncated ? characters.slice(0, 1000).join("") : message };
      if (log.message === undefined) {
        assert.deepEqual(log, { id });
        const shape = { id, timestamp: "2026-01-31T12:00:00.000Z", level: "info", ...whole };
        const entry = JSON.stringify(truncated ? { ...shape, truncated } : shape);
        assert.ok(bytes(entry) + 1 > room, `a log of ${bytes(entry)} bytes is its id alone`); // a level of 4 or 5
      } else {
        assert.match(log.timestamp!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.match(log.level!, /^(trace|debug|info|warn|error|fatal)$/);
        assert.deepEqual({ service: log.service, message: log.message }, whole);
        assert.equal(log.truncated, truncated ? true : undefined);
      }
    }
    assert.doesNotMatch(payload, /metadata|never/);
  }
  payloads.slice(1).forEach(({ logs }, i) => {
    const first = bytes(JSON.stringify(logs[0]));
    assert.ok(bytes(payloads[i]!.payload) + 1 + first > MAX_BYTES, "the next log would have fitted");
  });
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A connection of its own, with the notices it gets. */
function connect(url: string, connection: Record<string, string> = {}) {
  const notices: postgres.Notice[] = [];
  const sql = postgres(url, { max: 1, connection, onnotice: (notice) => notices.push(notice) });
  return { sql, notices, [Symbol.asyncDispose]: () => sql.end() };
}

/** A database with all migrations, in another encoding than UTF-8. */
async function encoded(encoding: string) {
  await using template = await server.database();
  const name = `${template.name}_${encoding.toLowerCase()}`;
  const admin = postgres(server.url, { max: 1 });
  await admin.unsafe(`
    create database ${name} owner tailpost template template0 encoding '${encoding}' lc_collate 'C' lc_ctype 'C'`);
  const url = Object.assign(new URL(template.url), { pathname: `/${name}` }).href;
  const sql = postgres(url, { onnotice: () => {} });
  await migrateUp(sql);
  return withHear({
    url,
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end();
      await admin.unsafe(`drop database ${name}`);
      await admin.end();
    },
  });
}
