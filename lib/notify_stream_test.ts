import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { type TestDatabase, testServer } from "../tests/postgres.ts";
import { migrateUp } from "./migrations.ts";
import { type ChangeStream, openNotifyStream, stillOpen } from "./notify_stream.ts";

const server = await testServer({ settings: { max_prepared_transactions: "10" } });

/** What the hub would be told, each as a line: `listening 1 false`, `missed <snapshot>`, `heard 1 <messages>`. */
interface TestStream extends AsyncDisposable {
  readonly stream: ChangeStream;
  readonly connection: postgres.Sql;
  readonly told: string[];
  /** The SQL of all queries on its connection. */
  readonly asked: string[];
  readonly failures: unknown[];
  /** Waits until a line was told, so many times in all. */
  until(line: string | RegExp, times?: number): Promise<void>;
  /** Waits until it was looked so many times more who holds the table. */
  looked(times: number): Promise<void>;
  /** Waits until the stream has failed. */
  failed(): Promise<void>;
  /** As many liveness queries as it takes for it to say again what is watched. */
  renew(): Promise<void>;
}

function open(url: string, connectionOptions: Partial<postgres.ConnectionParameters> = {}): TestStream {
  const told: string[] = [];
  const asked: string[] = [];
  const failures: unknown[] = [];
  let changed = Promise.withResolvers<void>();
  const happen = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const tell = (line: string) => {
    told.push(line);
    happen();
  };
  const options = {
    max: 1,
    onnotice: (notice: postgres.Notice) => tell(`notice ${notice["message"]}`),
    onnotify(channel: string, payload: string) {
      stream.heard(Number(channel.slice("logs_".length)));
      const { logs = [], more } = JSON.parse(payload);
      const messages = more ? "more" : logs.map(({ message }: { message: string }) => message).join();
      tell(`heard ${channel.slice("logs_".length)} ${messages}`);
    },
    debug(_: number, query: string) {
      asked.push(query);
      happen();
    },
    connection: connectionOptions,
  };
  const connection = postgres(url, options);
  const stream = openNotifyStream({
    connection,
    events: {
      listening: (id, isSettled) => tell(`listening ${id} ${isSettled}`),
      missed: (since) => tell(`missed ${since}`),
      changed: (id) => tell(`changed ${id}`),
    },
    onFailure(error) {
      failures.push(error);
      happen();
    },
  });
  const count = (line: string | RegExp) =>
    told.filter((one) => typeof line === "string" ? one === line : line.test(one)).length;
  const looks = () => asked.filter((query) => query.includes("pg_locks")).length;
  return {
    stream,
    connection,
    told,
    asked,
    failures,
    async until(line, times = 1) {
      while (count(line) < times && failures.length === 0) await changed.promise;
      assert.deepEqual(failures, []);
    },
    async failed() {
      while (failures.length === 0) await changed.promise;
    },
    async looked(times) {
      for (const before = looks(); looks() < before + times;) await changed.promise;
      // The answer to the last of them.
      await connection`select 1`;
    },
    async renew() {
      for (let i = 0; i < 3; i++) await stream.renew();
    },
    async [Symbol.asyncDispose]() {
      // Where the connection is lost it cannot say anything any more.
      await Promise.resolve(stream[Symbol.asyncDispose]()).catch(() => {});
      await connection.end({ timeout: 1 });
    },
  };
}

async function database(): Promise<TestDatabase> {
  const db = await server.database();
  await migrateUp(db.sql);
  return db;
}

/** A connection with a transaction that is open. */
async function openTransaction(db: TestDatabase) {
  const sql = await db.sql.reserve();
  await sql`begin`;
  let isOpen = true;
  const end = async (how: "commit" | "rollback") => {
    if (!isOpen) return;
    isOpen = false;
    await sql.unsafe(how);
    sql.release();
  };
  return {
    sql,
    /** Left by a statement that ended it. */
    left() {
      isOpen = false;
      sql.release();
    },
    commit: () => end("commit"),
    [Symbol.asyncDispose]: () => end("rollback"),
  };
}

const insert = (sql: postgres.ISql, message: string, organizationId = 1) =>
  sql`insert into logs (organization_id, message) values (${organizationId}, ${message})`;

const watched = async ({ sql }: TestDatabase) =>
  Number((await sql<{ bits: string }[]>`select logs_watched() as bits`)[0]?.bits);

Deno.test("openNotifyStream() hears what is inserted from the watch on, and nothing of what nobody watches", async () => {
  await using db = await database();
  await using test = open(db.url);
  await insert(db.sql, "before");
  test.stream.watch(1);
  await test.stream.ready();
  await test.until("listening 1 true");
  await insert(db.sql, "of another", 2);
  await insert(db.sql, "heard");
  await test.until("heard 1 heard");
  assert.deepEqual(test.told, ["listening 1 true", "heard 1 heard"]);
});

Deno.test("openNotifyStream() says that not all is announced until what had inserted before has ended", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  test.stream.watch(1);
  await test.until("listening 1 false");
  await insert(early.sql, "announced, of the same transaction");
  await insert(db.sql, "a later one");
  await test.until("heard 1 a later one");
  await test.looked(2);
  assert.deepEqual(test.told, ["listening 1 false", "heard 1 a later one"]);
  await early.commit();
  await test.until("listening 1 true");
  await insert(db.sql, "end");
  await test.until("heard 1 end");
  assert.deepEqual(test.told.filter((line) => line.startsWith("heard")), [
    "heard 1 a later one",
    "heard 1 announced, of the same transaction",
    "heard 1 end",
  ]);
  assert.equal(test.told.filter((line) => line.startsWith("listening")).length, 2);
});

Deno.test("openNotifyStream() says each time that one of several has ended, and waits for none that came later", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using first = await openTransaction(db);
  await using second = await openTransaction(db);
  await insert(first.sql, "first");
  await insert(second.sql, "second", 7);
  test.stream.watch(1);
  await test.until("listening 1 false");
  await using later = await openTransaction(db);
  await insert(later.sql, "later");
  await first.commit();
  await test.until("listening 1 false", 2);
  await second.commit();
  await test.until("listening 1 true");
  await later.commit();
  await test.until("heard 1 later");
});

Deno.test("openNotifyStream() waits for COPY, UPDATE and DELETE, and not for who reads", async () => {
  await using db = await database();
  await insert(db.sql, "old");
  await using reads = await openTransaction(db);
  await reads.sql`select from logs for update`;
  await using locks = await openTransaction(db);
  await locks.sql`lock table logs in row share mode`;
  {
    await using test = open(db.url);
    test.stream.watch(1);
    await test.until("listening 1 true");
  }
  await reads.commit();
  const statements = ["update logs set level = 'warn'", "delete from logs"];
  for (const statement of statements) {
    await using test = open(db.url);
    await using writes = await openTransaction(db);
    await writes.sql.unsafe(statement);
    test.stream.watch(1);
    await test.until("listening 1 false");
    await writes.commit();
    await test.until("listening 1 true");
  }
  // The trigger of COPY runs at its end: what began before the watch is announced all the same.
  await using test = open(db.url);
  const copy = await db.sql`copy logs (message) from stdin`.writable();
  copy.write("copied\n");
  test.stream.watch(1);
  await test.until("listening 1 false");
  await new Promise<void>((resolve, reject) => void copy.on("error", reject).on("finish", resolve).end());
  await test.until("listening 1 true");
  await test.until("heard 1 copied");
});

Deno.test("openNotifyStream() waits for a transaction that is prepared meanwhile, or was before", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  test.stream.watch(1);
  await test.until("listening 1 false");
  await early.sql.unsafe(`prepare transaction '${db.name}'`);
  early.left();
  await test.looked(2);
  test.stream.watch(2);
  await test.until("listening 2 false");
  assert.ok(!test.told.includes("listening 1 true"));
  await db.sql.unsafe(`commit prepared '${db.name}'`);
  await test.until("listening 1 true");
  await test.until("listening 2 true");
});

Deno.test("openNotifyStream() tells that others have ended while a prepared one stays", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using prepared = await openTransaction(db);
  await using early = await openTransaction(db);
  await insert(prepared.sql, "prepared");
  await insert(early.sql, "unannounced");
  await prepared.sql.unsafe(`prepare transaction '${db.name}'`);
  prepared.left();
  test.stream.watch(1);
  await test.until("listening 1 false");
  await early.commit();
  await test.until("listening 1 false", 2);
  await db.sql.unsafe(`rollback prepared '${db.name}'`);
  await test.until("listening 1 true");
});

Deno.test("openNotifyStream() tells nothing of what is watched no more, and begins anew with what is watched again", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  test.stream.watch(1);
  test.stream.watch(2);
  await test.until("listening 2 false");
  test.stream.unwatch(1);
  await test.stream.ready();
  assert.equal(await watched(db), 1 << 2);
  await insert(db.sql, "unheard");
  test.stream.watch(1);
  await test.until("listening 1 false", 2);
  test.stream.unwatch(1);
  await test.stream.ready();
  await early.commit();
  await test.until("listening 2 true");
  await insert(db.sql, "unheard", 1);
  await insert(db.sql, "heard", 2);
  await test.until("heard 2 heard");
  assert.deepEqual(test.told.filter((line) => line.includes(" 1 ")), Array(2).fill("listening 1 false"));
  // Never heard of in between: it is not told at all.
  test.stream.watch(3);
  test.stream.unwatch(3);
  await test.stream.ready();
  assert.ok(!test.told.some((line) => line.startsWith("listening 3")));
  assert.equal(await watched(db), 1 << 2);
});

Deno.test("openNotifyStream() begins with hundreds of organizations in a few queries", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  const ids = Array.from({ length: 300 }, (_, i) => i + 1);
  for (const id of ids) test.stream.watch(id);
  await test.until(/^listening \d+ false$/u, ids.length);
  assert.equal(await watched(db), 2 ** 32 - 1);
  const asked = test.asked.filter((query) =>
    !/^\s*listen/u.test(query) && !/pg_type|pg_catalog/u.test(query)
  );
  assert.ok(asked.length <= 8, asked.join("\n"));
  await early.commit();
  await test.until(/^listening \d+ true$/u, ids.length);
});

Deno.test("openNotifyStream() settles all, whenever they begin to be watched and whatever is open then", async () => {
  await using db = await database();
  await using test = open(db.url);
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const rounds = Array.from({ length: 24 }, async (_, i) => {
    await pause(Math.floor(i / 3) * 90);
    await db.sql.begin(async (sql) => {
      await insert(sql, "unannounced", i + 1);
      test.stream.watch(i + 1);
      await pause(7 * (i % 11) ** 2);
    });
  });
  await Promise.all(rounds);
  for (let id = 1; id <= 24; id++) await test.until(`listening ${id} true`);
});

/** A stream on a connection that answers when it is told to, the queries of `pg_locks`: who holds the table, who waits to commit. */
function scripted() {
  const told: string[] = [];
  const looks: ((holders: readonly string[]) => void)[] = [];
  const crowds: ((waiting: number) => void)[] = [];
  /** What was said to be watched. */
  const said: string[] = [];
  let changed = Promise.withResolvers<void>();
  const happen = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const connection = Object.assign((query: string | TemplateStringsArray) => {
    if (typeof query === "string") return query;
    const sql = query.join("");
    if (!sql.includes("pg_locks")) return { simple: () => Promise.resolve() };
    const answer = Promise.withResolvers<unknown[]>();
    if (sql.includes("RowExclusiveLock")) {
      looks.push((holders) => answer.resolve(holders.map((holder) => ({ holder }))));
    } else crowds.push((waiting) => answer.resolve([{ waiting }]));
    happen();
    return answer.promise;
  }, {
    unsafe(sql: string) {
      said.push(/'(\{.*\})'/u.exec(sql)?.[1] ?? "");
      return Promise.resolve([[], [{ snapshot: "3:3:", held: true }]]);
    },
  });
  const stream = openNotifyStream({
    connection: connection as unknown as postgres.Sql,
    events: {
      listening(id, isSettled) {
        told.push(`${id} ${isSettled}`);
        happen();
      },
      missed: () => {},
      changed: happen,
    },
    onFailure: (error) => assert.ifError(error),
  });
  return {
    stream,
    told,
    looks,
    crowds,
    said,
    async until(condition: () => boolean) {
      while (!condition()) await changed.promise;
    },
    async [Symbol.asyncDispose]() {
      await stream[Symbol.asyncDispose]();
    },
  };
}

Deno.test("openNotifyStream() goes on looking where one settles while another begins", async () => {
  await using test = scripted();
  const { stream, told, looks, until } = test;
  stream.watch(1);
  await until(() => looks.length === 1);
  looks[0]?.(["3/1"]);
  await until(() => looks.length === 2);
  stream.watch(2);
  await until(() => looks.length === 3);
  // Both are read from the socket at once.
  looks[1]?.([]);
  looks[2]?.(["4/1"]);
  await until(() => looks.length === 4);
  looks[3]?.([]);
  await until(() => told.length === 4);
  assert.deepEqual(told, ["1 false", "1 true", "2 false", "2 true"]);
});

Deno.test("openNotifyStream() does not say that all is announced of what it asks for by then", async () => {
  await using test = scripted();
  const { stream, told, looks, crowds, said, until } = test;
  stream.watch(1);
  await until(() => looks.length === 1);
  const crowded = performance.now() + 210;
  while (performance.now() < crowded || crowds.length === 0) {
    for (let i = 0; i < 100; i++) stream.heard(1);
    await new Promise((resolve) => setTimeout(resolve));
  }
  crowds[0]?.(9);
  await until(() => told.length === 1);
  looks[0]?.([]);
  // The answer has been taken when another's has.
  stream.watch(2);
  await until(() => looks.length === 2);
  looks[1]?.([]);
  await until(() => told.includes("2 true"));
  assert.deepEqual(told, ["1 false", "2 true"]);
  assert.deepEqual(said, ["{1}", "{}", "{2}"]);
});

Deno.test("openNotifyStream() says again what it watches, and that it was missing when that had run out", async () => {
  await using db = await database();
  await using test = open(db.url);
  const until = async () =>
    (await db.sql<{ until: Date; left: number }[]>`
      select until, extract(epoch from until - clock_timestamp())::float8 as left from tailpost_watches`)[0];
  test.stream.watch(1);
  await test.until("listening 1 true");
  const first = await until();
  assert.ok((first?.left ?? 0) > 80 && (first?.left ?? 0) <= 90);
  await test.stream.renew();
  await test.stream.renew();
  assert.deepEqual((await until())?.until, first?.until);
  await test.stream.renew();
  assert.ok(((await until())?.until ?? 0) > (first?.until ?? 0));
  assert.deepEqual(test.told, ["listening 1 true"]);
  const ended = [
    () => db.sql`update tailpost_watches set until = clock_timestamp() - interval '1 second'`,
    () => db.sql`update tailpost_watches set until = clock_timestamp() + interval '20 seconds'`,
    () => db.sql`delete from tailpost_watches`,
  ];
  for (const [i, end] of ended.entries()) {
    const [now] = await db.sql<{ snapshot: string }[]>`select pg_current_snapshot()::text as snapshot`;
    await end();
    await insert(db.sql, "perhaps unannounced", 2);
    test.told.length = 0;
    await test.renew();
    const [missed, ...others] = test.told;
    assert.deepEqual(others, ["listening 1 false", "listening 1 true"], `${i}`);
    const since = missed?.slice("missed ".length) ?? "";
    const [row] = await db.sql<{ before: boolean }[]>`
      select pg_snapshot_xmax(${since}::pg_snapshot) <= pg_snapshot_xmax(${
      now?.snapshot ?? ""
    }::pg_snapshot) as before`;
    assert.ok(row?.before, `${since} is from before ${now?.snapshot}`);
    test.told.length = 0;
    await test.renew();
    assert.deepEqual(test.told, [], "it holds again");
  }
});

Deno.test("openNotifyStream() notices that it had run out when something else begins to be watched, too", async () => {
  await using db = await database();
  await using test = open(db.url);
  test.stream.watch(1);
  await test.until("listening 1 true");
  await db.sql`update tailpost_watches set until = clock_timestamp()`;
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  test.told.length = 0;
  test.stream.watch(2);
  await test.until("listening 1 false", 2);
  assert.match(test.told[0] ?? "", /^missed \d+:\d+:/u);
  assert.deepEqual(test.told.slice(1), ["listening 1 false", "listening 2 false", "listening 1 false"]);
  await early.commit();
  await test.until("listening 1 true");
  await test.until("listening 2 true");
});

Deno.test("openNotifyStream() hears everything where the trigger announces everything", async () => {
  await using db = await server.database();
  await migrateUp(db.sql, { to: 4 });
  await using test = open(db.url);
  await using early = await openTransaction(db);
  await insert(early.sql, "early");
  test.stream.watch(1);
  await test.until("listening 1 true");
  await test.renew();
  await early.commit();
  await test.until("heard 1 early");
  assert.deepEqual(test.told, ["listening 1 true", "heard 1 early"]);
  // Its migrations come while it listens.
  await migrateUp(db.sql);
  await test.renew();
  await insert(db.sql, "announced");
  await test.until("heard 1 announced");
});

Deno.test("openNotifyStream() takes an empty database", async () => {
  await using db = await server.database();
  await using test = open(db.url);
  test.stream.watch(1);
  await test.until("listening 1 true");
});

Deno.test("openNotifyStream() fails where it may not say what it watches, for nothing would be announced", async () => {
  await using db = await database();
  await db.sql`revoke execute on function tailpost_watch(uuid, bigint[]) from public`;
  const admin = postgres(db.superuserUrl, { max: 1 });
  const role = `reads_${db.name}`;
  await admin.unsafe(`create role ${role} login password 'secret'; grant select on logs to ${role}`);
  {
    await using test = open(
      Object.assign(new URL(db.url), { username: role, password: "secret" }).href,
    );
    test.stream.watch(1);
    await assert.rejects(test.stream.ready(), /permission denied for function tailpost_watch/);
    assert.equal(test.failures.length, 1);
    await assert.rejects(test.stream.renew(), /permission denied/);
    assert.deepEqual(test.told, []);
  }
  await admin.unsafe(`drop owned by ${role}; drop role ${role}`);
  await admin.end();
});

Deno.test("openNotifyStream() minds no default of its role: read-only, another isolation", async () => {
  await using db = await database();
  for (const isolation of ["repeatable read", "serializable"] as const) {
    await using test = open(db.url, {
      default_transaction_isolation: isolation,
      default_transaction_read_only: true,
    });
    await using other = open(db.url);
    test.stream.watch(1);
    other.stream.watch(2);
    await Promise.all([test.until("listening 1 true"), other.until("listening 2 true")]);
    await insert(db.sql, "heard");
    await test.until("heard 1 heard");
    assert.equal(await watched(db), 1 << 1 | 1 << 2);
    assert.deepEqual(test.told, ["listening 1 true", "heard 1 heard"]);
  }
});

Deno.test("openNotifyStream() says at its end that it watches nothing any more, and leaves alone what others watch", async () => {
  await using db = await database();
  {
    await using first = open(db.url);
    first.stream.watch(1);
    first.stream.watch(33);
    await first.until("listening 33 true");
    {
      await using second = open(db.url);
      second.stream.watch(2);
      second.stream.watch(1);
      await second.until("listening 1 true");
      assert.equal(await watched(db), 1 << 1 | 1 << 2);
    }
    assert.equal(await watched(db), 1 << 1);
    await insert(db.sql, "still heard");
    await first.until("heard 1 still heard");
  }
  const [row] = await db
    .sql`select last_value, (select count(*)::int from tailpost_watches) as rows from tailpost_watched`;
  assert.deepEqual({ ...row }, { last_value: "0", rows: 0 });
});

Deno.test("openNotifyStream() tells nothing once it was disposed of", async () => {
  await using db = await database();
  await using test = open(db.url);
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  test.stream.watch(1);
  await test.until("listening 1 false");
  await test.stream[Symbol.asyncDispose]();
  await early.commit();
  test.stream.watch(2);
  await test.connection`select 1`;
  assert.deepEqual(test.told, ["listening 1 false"]);
  assert.equal(await watched(db), 0);
});

Deno.test("openNotifyStream() fails when its connection is lost, and what it said runs out by itself", async () => {
  await using db = await database();
  await using early = await openTransaction(db);
  await insert(early.sql, "unannounced");
  {
    await using test = open(db.url);
    test.stream.watch(1);
    await test.until("listening 1 false");
    const ended = test.connection.end({ timeout: 0 });
    await test.failed();
    await ended;
    await assert.rejects(test.renew());
    assert.deepEqual(test.told, ["listening 1 false"]);
  }
  assert.equal(await watched(db), 1 << 1);
  await db.sql`update tailpost_watches set until = clock_timestamp()`;
  await using next = open(db.url);
  next.stream.watch(2);
  await next.until("listening 2 false");
  assert.equal(await watched(db), 1 << 2);
});

Deno.test("stillOpen() tells who of the holders is left, and takes any prepared one for one that is gone", () => {
  const cases: [before: string[], now: string[], left: string[]][] = [
    [[], [], []],
    [[], ["3/1"], []],
    [["3/1", "4/7"], ["3/1", "4/8"], ["3/1"]],
    [["3/1"], ["3/2"], []],
    [["3/1"], ["3/1", "-1/900"], ["3/1"]],
    [["3/1"], ["-1/900"], ["-1/900"]],
    [["3/1", "4/7"], ["4/7", "-1/900", "-1/901"], ["4/7", "-1/900", "-1/901"]],
    [["-1/900"], ["-1/900", "-1/901"], ["-1/900"]],
    [["-1/900"], ["-1/901"], []],
    [["-1/900", "3/1"], ["-1/901"], ["-1/901"]],
  ];
  for (const [before, now, left] of cases) {
    assert.deepEqual(
      [...stillOpen(new Set(before), new Set(now))].sort(),
      left.sort(),
      `${before} and ${now}`,
    );
  }
});

Deno.test("stillOpen() never loses one, whenever it is looked and whatever is prepared or ends meanwhile", () => {
  // Each transaction: its name, and what it is at each look: open, prepared or ended.
  const transaction = fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5), fc.boolean()).map((
    [begins, prepared, ends, renamed],
  ) => ({
    begins,
    prepared: begins + prepared,
    ends: begins + prepared + ends,
    renamed,
  }));
  fc.assert(fc.property(fc.array(transaction, { maxLength: 8 }), (transactions) => {
    const at = (time: number) =>
      new Map(transactions.flatMap(({ begins, prepared, ends, renamed }, i) => {
        if (time < begins || time >= ends) return [];
        return [[i, renamed && time >= prepared ? `-1/${i}` : `3/${i}`] as const];
      }));
    const first = at(0);
    let left: Set<string> = new Set(first.values());
    for (let time = 1; time < 18; time++) {
      const now = at(time);
      left = stillOpen(left, new Set(now.values()));
      for (const [i, name] of now) if (first.has(i)) assert.ok(left.has(name), `${name} at ${time}`);
      assert.ok(left.isSubsetOf(new Set(now.values())));
    }
    assert.equal(left.size, 0);
  }));
});

Deno.test("openNotifyStream() asks the table for a while where writers wait for each other, who announce nothing then", async () => {
  await using db = await database();
  await using test = open(db.url);
  test.stream.watch(1);
  test.stream.watch(2);
  await test.until("listening 1 true");
  await test.until("listening 2 true");
  const writing = new AbortController();
  const writers = Array.from({ length: 8 }, async () => {
    const sql = postgres(db.url, { max: 1 });
    while (!writing.signal.aborted) await insert(sql, "of many");
    await sql.end();
  });
  await test.until("listening 1 false");
  await test.until("changed 1", 10);
  // Of the other organization, for which nobody writes, everything is announced all the while.
  assert.equal(await watched(db), 2 ** 2);
  await insert(db.sql, "of the other", 2);
  await test.until("heard 2 of the other");
  writing.abort();
  await Promise.all(writers);
  await test.until("listening 1 true", 2);
  await insert(db.sql, "after all");
  await test.until("heard 1 after all");
  const last = test.told.lastIndexOf("listening 1 true");
  assert.ok(!test.told.slice(last).includes("changed 1"), "it is asked for no more");
  assert.equal(await watched(db), 2 ** 1 + 2 ** 2);
});

Deno.test("openNotifyStream() hears one writer by what it announces, however fast it is", async () => {
  await using db = await database();
  await using test = open(db.url);
  test.stream.watch(1);
  await test.until("listening 1 true");
  const looked = () => test.asked.some((query) => query.includes("'pg_database'"));
  for (let i = 0; i < 200 || !looked(); i++) await insert(db.sql, `${i}`);
  await insert(db.sql, "last");
  await test.until("heard 1 last");
  assert.ok(!test.told.includes("listening 1 false"));
});
