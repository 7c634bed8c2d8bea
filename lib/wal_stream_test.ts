import assert from "node:assert/strict";
import { startProxy } from "../tests/proxy.ts";
import {
  asSuperuser,
  type Heard,
  insert,
  session,
  slotsOf,
  startHub,
  startSource,
  type TestSource,
  untilTrue,
  untilWaitedFor,
  walDatabase,
  walServer,
} from "./_wal_testing.ts";
import { isVisible, parseCursor } from "./cursor.ts";
import type { TestDatabase } from "../tests/postgres.ts";

const server = await walServer();

/** Ends the connections that read a slot. */
const terminate = (db: TestDatabase) =>
  asSuperuser(db, (sql) =>
    sql`
      select pg_terminate_backend(active_pid, 5000) from pg_replication_slots
      where database = ${db.name} and active_pid is not null`);

type Announced = Extract<Heard, { kind: "announced" }>;
const announcedTo = ({ heard }: TestSource, id: number) =>
  heard.filter((one): one is Announced => one.kind === "announced" && one.organizationId === id)
    .map(({ notification }) => notification);

Deno.test("openWalStream() announces the logs of watched organizations once, in the order of commits", async () => {
  await using db = await walDatabase(server);
  await using source = startSource(db);
  await using slow = await session(db);
  for (const id of [1, 2]) source.listener.watch(id);
  await source.untilStreaming();
  const long = "long ".repeat(30_000);
  await slow`begin`;
  await insert(slow, 1, "begun first");
  await db.sql`
    insert into logs (organization_id, "timestamp", level, service, message, metadata)
    values (1, '2026-01-31 12:00:00.123456+01', 'WARN', 'api', ${long}, ${'{"a":{"b":1.50}}'}::text::jsonb),
      (3, now(), 'info', 'api', 'unwatched', null)`;
  await insert(db.sql, 2, "other");
  await insert(slow, 1, "still the first");
  await slow`commit`;
  await insert(db.sql, 1, "last");
  await source.until("Not all came", () => source.messages(1).includes("last"));
  assert.deepEqual(source.messages(1), [long, "begun first", "still the first", "last"]);
  assert.deepEqual(source.messages(2), ["other"]);
  assert.deepEqual(announcedTo(source, 3), []);
  const [log] = announcedTo(source, 1).flatMap(({ logs }) => logs);
  assert.ok(log && "decoded" in log);
  const { log: shown, whole, metadata } = log.decoded;
  assert.deepEqual([shown.timestamp, shown.level, shown.truncated], [
    "2026-01-31T11:00:00.123Z",
    "warn",
    true,
  ]);
  assert.deepEqual([whole.message, metadata], [long, '{"a": {"b": 1.50}}']);
  // Each cursor claims what came before it and no more.
  const xids = new Map(
    (await db.sql<{ id: string; xid: string }[]>`select id, xid::text from logs where organization_id = 1`)
      .map(({ id, xid }) => [Number(id), BigInt(xid)]),
  );
  const had = new Set<number>();
  for (const { cursor, logs } of announcedTo(source, 1)) {
    for (const [id, xid] of xids) assert.ok(had.has(id) || !isVisible(xid, parseCursor(cursor)));
    for (const { id } of logs) had.add(id);
  }
  const last = parseCursor(announcedTo(source, 1).at(-1)?.cursor ?? "");
  for (const xid of xids.values()) assert.ok(isVisible(xid, last));
});

Deno.test("openWalStream() leaves out what was rolled back, wholly or in part", async () => {
  await using db = await walDatabase(server);
  await using source = startSource(db);
  source.listener.watch(1);
  await source.untilStreaming();
  await using one = await session(db);
  await one`begin`;
  await insert(one, 1, "kept");
  for (const end of ["rollback to", "release"]) {
    await one`savepoint s`;
    await insert(one, 1, end);
    await one.unsafe(`${end} s`);
  }
  await one`commit`;
  await one`begin`;
  await insert(one, 1, "rolled back");
  await one`rollback`;
  await db.sql`truncate logs`;
  await insert(db.sql, 1, "last");
  await source.until("Not all came", () => source.messages(1).includes("last"));
  assert.deepEqual(source.messages(1), ["kept", "release", "last"]);
});

Deno.test("openWalStream() announces prepared transactions when they are committed, begun before the slot or after", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  const prepare = async (name: string) => {
    await using one = await session(db);
    await one`begin`;
    await insert(one, 1, name);
    await one.unsafe(`prepare transaction '${db.name} ${name}'`);
  };
  await prepare("before");
  const viewer = hub.open();
  await viewer.untilReady();
  // It is one of the transactions that a slot waits for.
  assert.equal(source.state.streaming, false);
  await db.sql.unsafe(`commit prepared '${db.name} before'`);
  await source.untilStreaming();
  await prepare("after");
  await insert(db.sql, 1, "between");
  await viewer.untilLog("between");
  await db.sql.unsafe(`commit prepared '${db.name} after'`);
  await viewer.untilLog("after");
  assert.deepEqual(viewer.messages, ["before", "between", "after"]);
  await viewer.leave();
});

Deno.test("openWalStream() lets the table be asked while a transaction delays the slot, and people be told why", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  await using open = await session(db);
  await open`begin`;
  await insert(open, 1, "begun before");
  const viewer = hub.open();
  await viewer.untilReady();
  await untilWaitedFor(db, open);
  for (const round of [1, 2, 3]) {
    await insert(db.sql, 1, `round ${round}`);
    await viewer.untilLog(`round ${round}`);
  }
  await source.until("Nobody was told", () => source.count("late") > 0);
  assert.ok(source.count("missed") >= 3);
  assert.match(
    source.heard.findLast((one) => one.kind === "late")?.reason ?? "",
    /waits for all transactions/u,
  );
  await open`commit`;
  await source.until("It does not stream", () => source.count("late") > 1);
  assert.equal(source.heard.findLast((one) => one.kind === "late")?.reason, null);
  assert.ok(source.state.streaming);
  const asked = source.count("missed");
  await insert(db.sql, 1, "heard");
  await viewer.untilLog("heard");
  await viewer.untilLog("begun before");
  assert.deepEqual(viewer.messages, ["round 1", "round 2", "round 3", "begun before", "heard"]);
  assert.equal(source.count("missed"), asked);
  await viewer.leave();
});

Deno.test("openWalStream() loses nothing of what is in flight when an organization is watched", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  const first = hub.open({ organizationId: 9 });
  await source.untilStreaming();
  await using a = await session(db);
  await using b = await session(db);
  for (const one of [a, b]) {
    await one`begin`;
    await insert(one, 1, one === a ? "a" : "b");
  }
  const viewer = hub.open();
  await viewer.untilReady();
  await insert(b, 1, "b again");
  await b`commit`;
  await insert(db.sql, 1, "c");
  await a`commit`;
  await insert(db.sql, 1, "d");
  await viewer.untilLog("d");
  assert.deepEqual(viewer.messages, ["b", "b again", "c", "a", "d"]);
  assert.equal(source.state.slots, 1);
  await first.leave();
  await viewer.leave();
});

Deno.test("openWalStream() goes on when its connection is ended and its slot is gone", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  const viewer = hub.open();
  await viewer.untilReady();
  await source.untilStreaming();
  const wanted: string[] = [];
  for (const round of [1, 2, 3]) {
    const streams = source.count("streaming");
    await using open = await session(db);
    await open`begin`;
    await insert(open, 1, `open ${round}`);
    await Promise.all([
      terminate(db),
      ...[1, 2, 3, 4, 5].map((n) => insert(db.sql, 1, `${round} ${n}`)),
    ]);
    await open`commit`;
    await source.until("It does not stream again", () => source.count("streaming") > streams);
    await insert(db.sql, 1, `last ${round}`);
    await viewer.untilLog(`last ${round}`);
    wanted.push(`open ${round}`, ...[1, 2, 3, 4, 5].map((n) => `${round} ${n}`), `last ${round}`);
  }
  assert.deepEqual(viewer.messages.toSorted(), wanted.toSorted());
  assert.equal(source.state.slots, 4);
  assert.equal((await slotsOf(db)).length, 1);
  assert.equal(source.count("disconnected"), 0);
  await viewer.leave();
});

Deno.test("openWalStream() goes on with the listener's next connection, and after a crash", async () => {
  await using server = await walServer();
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  const viewer = hub.open();
  const wanted: string[] = [];
  for (const [round, end] of (["listener", "fast", "immediate"] as const).entries()) {
    await source.until(
      "It does not stream",
      () => source.count("streaming") > round && source.state.streaming,
    );
    await insert(db.sql, 1, `before ${end}`);
    await viewer.untilLog(`before ${end}`);
    if (end === "listener") {
      await asSuperuser(db, (sql) =>
        sql`
          select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'tailpost-listener'`);
    } else await server.restart(end);
    await source.until("It was not noticed", () => source.count("disconnected") > round);
    await untilTrue("It does not answer", async () => {
      try {
        await insert(db.sql, 1, `after ${end}`);
        return true;
      } catch {
        return false;
      }
    });
    await viewer.untilLog(`after ${end}`);
    wanted.push(`before ${end}`, `after ${end}`);
  }
  assert.deepEqual(viewer.messages, wanted);
  await viewer.leave();
});

Deno.test("openWalStream() has no slot and asks nothing while nobody watches", async () => {
  await using db = await walDatabase(server);
  await using source = startSource(db);
  await source.until("It does not connect", () => source.count("connected") > 0);
  const asked = () =>
    db.sql<{ query_start: Date; query: string }[]>`
      select query_start, query from pg_stat_activity
      where application_name = 'tailpost-listener' and datname = current_database()`;
  const isIdle = async () => {
    const before = await asked();
    // Longer than it is between two looks.
    for (let n = 0; n < 100; n++) await insert(db.sql, 8, "unwatched");
    assert.deepEqual(await asked(), before);
  };
  await isIdle();
  assert.deepEqual(await slotsOf(db), []);
  source.listener.watch(1);
  await source.untilStreaming();
  assert.equal((await slotsOf(db)).length, 1);
  source.listener.unwatch(1);
  await untilTrue("There is a slot", async () => (await slotsOf(db)).length === 0);
  await isIdle();
  source.listener.watch(1);
  await source.until("It does not stream again", () => source.count("streaming") > 1);
  await insert(db.sql, 1, "heard");
  await source.until("It is not heard", () => source.messages(1).length > 0);
  assert.equal(source.state.slots, 2);
  // While somebody watches and nothing comes it asks nothing either.
  const before = await asked();
  for (let n = 0; n < 200; n++) await db.sql`select 1`;
  assert.deepEqual(await asked(), before);
});

Deno.test("openWalStream() bears with organizations that are watched and given up at any time", async () => {
  await using db = await walDatabase(server);
  await using source = startSource(db);
  const { listener } = source;
  for (let round = 0; round < 30; round++) {
    listener.watch(1);
    if (round % 3 === 0) await insert(db.sql, 1, "x");
    if (round % 10 === 9) await source.untilStreaming();
    listener.unwatch(1);
    if (round % 2 === 0) await slotsOf(db);
  }
  await untilTrue("There is a slot", async () => (await slotsOf(db)).length === 0);
  listener.watch(1);
  await source.untilStreaming();
  const heard = source.messages(1).length;
  await insert(db.sql, 1, "last");
  await source.until("It is not heard", () => source.messages(1).length > heard);
  assert.equal(source.messages(1).at(-1), "last");
  assert.equal(source.count("disconnected"), 0);
});

Deno.test("openWalStream() gives a slot up that keeps too much, and the table is asked", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db, { keepBytes: -1, probeInterval: 200 });
  const { source } = hub;
  const viewer = hub.open();
  await viewer.untilReady();
  await source.until("It was not given up", () => source.state.givenUp > 1 && source.count("missed") > 0);
  for (const n of [1, 2, 3]) {
    await insert(db.sql, 1, `log ${n}`);
    await viewer.untilLog(`log ${n}`);
  }
  assert.deepEqual(viewer.messages, ["log 1", "log 2", "log 3"]);
  await viewer.leave();
});

Deno.test("openWalStream() says that there is more of a transaction of 30,000 logs, none of which is lost", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  const viewer = hub.open();
  await viewer.untilReady();
  await source.untilStreaming();
  await db.sql`
    insert into logs (organization_id, level, service, message)
    select 1, 'info', 'api', 'log ' || n from generate_series(1, 30000) as n`;
  await insert(db.sql, 1, "last");
  const told = () => viewer.messages.length + viewer.gaps.reduce((sum, { missed }) => sum + missed, 0);
  await viewer.until(() => viewer.messages.includes("last") && told() >= 30_001);
  assert.equal(new Set(viewer.messages).size, viewer.messages.length);
  assert.equal(told(), 30_001);
  assert.ok(announcedTo(source, 1).some(({ more }) => more));
  await viewer.leave();
});

/** Lets commits wait for a standby that there is not: they are in the WAL, and nobody sees them. Settles the other way round. */
async function standby(db: TestDatabase, isNeeded: boolean): Promise<void> {
  await asSuperuser(db, async (sql) => {
    await sql.unsafe(
      isNeeded
        ? "alter system set synchronous_standby_names = 'nobody'"
        : "alter system reset synchronous_standby_names",
    );
    await sql`select pg_reload_conf()`;
  });
  await untilTrue("It has no effect", async () => {
    const [row] = await db.sql<{ names: string }[]>`
      select current_setting('synchronous_standby_names') as names`;
    return row?.names === (isNeeded ? "nobody" : "");
  });
}

/** Whether all before a position was sent on a connection that streams. */
const isSent = (db: TestDatabase, lsn: string) =>
  asSuperuser(db, async (sql) => {
    const rows = await sql`
      select 1 from pg_stat_replication
      where application_name = 'tailpost-wal' and state = 'streaming' and sent_lsn >= ${lsn}::pg_lsn`;
    return rows.length > 0;
  });

const untilHidden = (db: TestDatabase, count: number) =>
  untilTrue("No commit waits", async () => {
    const rows = await db.sql`
      select 1 from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()`;
    return rows.length === count;
  });

Deno.test("openWalStream() hands commits on once they are visible, and claims none before", async () => {
  await using db = await walDatabase(server);
  await using hub = startHub(db);
  const { source } = hub;
  const viewer = hub.open();
  const late = hub.open({ organizationId: 3 });
  await viewer.untilReady();
  await source.untilStreaming();
  await using hidden = await session(db);
  await using local = await session(db);
  await local`set synchronous_commit = local`;
  await standby(db, true);
  const waiting = hidden`
    insert into logs (organization_id, level, service, message)
    values (1, 'info', 'api', 'hidden'), (2, 'info', 'api', 'of two'), (3, 'info', 'api', 'of three')`
    .execute();
  try {
    await untilHidden(db, 1);
    await insert(local, 1, "local");
    await viewer.untilLog("local");
    // What was told of it left these out.
    const two = hub.open({ organizationId: 2 });
    await two.untilReady();
    await insert(local, 2, "local of two");
    await two.untilLog("local of two");
    const cursors = announcedTo(source, 1).map(({ cursor }) => parseCursor(cursor));
    await standby(db, false);
    await waiting;
    await viewer.untilLog("hidden");
    await two.untilLog("of two");
    await late.untilLog("of three");
    const [row] = await db.sql<{ xid: string }[]>`select xid::text from logs where message = 'hidden'`;
    assert.ok(cursors.every((cursor) => !isVisible(BigInt(row?.xid ?? 0), cursor)));
    assert.ok(cursors.length >= 2);
    assert.deepEqual(viewer.messages, ["local", "hidden"]);
    assert.deepEqual(two.messages, ["local of two", "of two"]);
    await two.leave();
  } finally {
    await standby(db, false);
  }
  for (const one of [viewer, late]) await one.leave();
});

Deno.test("openWalStream() leaves out nothing for who watches while a slot is being made", async () => {
  await using db = await walDatabase(server);
  await using source = startSource(db);
  const sessions = await Promise.all(Array.from({ length: 4 }, () => session(db)));
  const [a, b, before, hidden] = sessions;
  assert.ok(a && b && before && hidden);
  for (const one of [a, b]) await one`set synchronous_commit = local`;
  const waiting: Promise<unknown>[] = [];
  try {
    await a`begin`;
    await a`select pg_current_xact_id()`;
    source.listener.watch(1);
    await untilWaitedFor(db, a);
    await b`begin`;
    await b`select pg_current_xact_id()`;
    await a`commit`;
    await untilWaitedFor(db, b);
    // Committed before the slot, as the WAL has it, and not visible: the stream does not begin before it is.
    await standby(db, true);
    waiting.push(insert(before, 1, "before"));
    await untilHidden(db, 1);
    await b`commit`;
    await untilTrue("There is no slot", () => isSent(db, "0/0"));
    waiting.push(insert(hidden, 3, "hidden"));
    await untilHidden(db, 2);
    const [end] = await db.sql<{ lsn: string }[]>`select pg_current_wal_insert_lsn()::text as lsn`;
    await untilTrue("It was not sent", () => isSent(db, end?.lsn ?? ""));
    assert.equal(source.state.streaming, false);
    source.listener.watch(3);
    await standby(db, false);
    await Promise.all(waiting);
    await source.untilStreaming();
    await source.until("It was left out", () => announcedTo(source, 3).length > 0);
    assert.ok(announcedTo(source, 3)[0]?.more || source.messages(3).length > 0);
  } finally {
    await standby(db, false);
    await Promise.all(waiting);
    for (const one of sessions) await one[Symbol.asyncDispose]();
  }
});

Deno.test("openWalStream() finds a connection on which nothing comes any more, and the table is asked meanwhile", async () => {
  await using db = await walDatabase(server);
  await using proxy = startProxy(db.url);
  await using hub = startHub(db, { url: proxy.url, probeInterval: 500 });
  const { source } = hub;
  const viewer = hub.open();
  await viewer.untilReady();
  await source.untilStreaming();
  const left = proxy.blackHole("tailpost-wal");
  await insert(db.sql, 1, "while it is silent");
  await viewer.untilLog("while it is silent");
  proxy.heal();
  await left;
  await source.until("It does not stream again", () => source.count("streaming") > 1);
  await insert(db.sql, 1, "afterwards");
  await viewer.untilLog("afterwards");
  assert.deepEqual(viewer.messages, ["while it is silent", "afterwards"]);
  assert.equal(source.count("disconnected"), 0);
  await viewer.leave();
});

Deno.test("openWalStream() can be disposed of in every state", async () => {
  await using db = await walDatabase(server);
  await using open = await session(db);
  const states: Record<string, (source: TestSource) => Promise<unknown>> = {
    "not connected": () => Promise.resolve(),
    "not watched": (source) => source.until("It does not connect", () => source.count("connected") > 0),
    "just watched": async (source) => {
      await source.until("It does not connect", () => source.count("connected") > 0);
      source.listener.watch(1);
    },
    "making a slot": async (source) => {
      await open`begin`;
      await open`select pg_current_xact_id()`;
      source.listener.watch(1);
      await untilWaitedFor(db, open);
    },
    "asking the table": async (source) => {
      source.listener.watch(1);
      await source.until("It was not asked", () => source.count("missed") > 1);
      await open`commit`;
    },
    "streaming": async (source) => {
      source.listener.watch(1);
      await source.untilStreaming();
      // Something of it may be waiting.
      await insert(db.sql, 1, "x");
    },
    "after a loss": async (source) => {
      source.listener.watch(1);
      await source.untilStreaming();
      await terminate(db);
    },
    "silent": async (source) => {
      source.listener.watch(1);
      await source.untilStreaming();
    },
  };
  for (const [name, reach] of Object.entries(states)) {
    const proxy = startProxy(db.url);
    const source = startSource(db, { url: proxy.url, probeInterval: 50 });
    await reach(source);
    const left = name === "silent" ? proxy.blackHole("tailpost-wal") : Promise.resolve();
    await source[Symbol.asyncDispose]();
    assert.equal(source.state.streaming, false, name);
    const { length } = source.heard;
    await left;
    await proxy[Symbol.asyncDispose]();
    // The walsender that waits for a transaction finds out afterwards.
    if (name !== "making a slot") {
      await untilTrue(`${name}: there is a slot`, async () => (await slotsOf(db)).length === 0);
    }
    assert.equal(source.heard.length, length, name);
  }
});
