import assert from "node:assert/strict";
import fc from "fast-check";
import { testServer } from "../tests/postgres.ts";
import type { Filter } from "./filter.ts";
import { NO_FILTER, parseFilter } from "./filter.ts";
import type { Log, WholeLog } from "./log.ts";
import { LEVELS } from "./log.ts";
import { parseLogs } from "./log_input.ts";
import { createHubStore } from "./log_store/fetch.ts";
import { readHistory, readLog } from "./log_store/history.ts";
import { insertLogs } from "./log_store/insert.ts";
import { scoped } from "./log_store/wall.ts";
import { compileFilter, matches } from "./match.ts";
import type { MetadataTexts } from "./metadata_path.ts";
import { migrateUp } from "./migrations.ts";

const server = await testServer();

async function migrated() {
  const db = await server.database();
  await migrateUp(db.sql);
  return db;
}

const filterOf = (query: string) => parseFilter(new URLSearchParams(query));
const all = { organizationId: 1, filter: NO_FILTER, before: null, after: null, limit: 1000 };
const ids = (logs: readonly { readonly id: number }[]) => logs.map(({ id }) => id);

/** Texts that tell the case rules of two languages apart. */
const text = fc.array(
  fc.constantFrom(
    ..."aAbBkK%_\\'/, ",
    ..."éÉßẞσςΣiIıİ\u212a\u212b",
    "\u{1f600}",
    "\ud800",
    "\n",
    "\0",
    "ab",
  ),
  { minLength: 1, maxLength: 6 },
).map((parts) => parts.join(""));

const entries = fc.array(
  fc.record({
    message: fc.oneof({ weight: 6, arbitrary: text }, {
      arbitrary: text.map((end) => "x".repeat(999) + end),
      weight: 1,
    }),
    level: fc.constantFrom(...LEVELS, "WARNING", "crit"),
    service: fc.oneof(fc.constantFrom("api", "API", "a,b"), text),
    metadata: fc.option(
      fc.dictionary(
        fc.constantFrom("a", "b"),
        fc.oneof(fc.constantFrom(1, 2, "1", "x,y", true, { b: 1 }), fc.jsonValue({ maxDepth: 2 })),
      ),
      { nil: undefined },
    ),
  }),
  { minLength: 40, maxLength: 60 },
);

const filters = fc.record({
  level: fc.subarray([...LEVELS]),
  service: fc.oneof(fc.constant([]), fc.subarray(["api", "a\\,b", "k", "\0"])),
  q: fc.array(fc.oneof(text, fc.constantFrom("/a|k/i", "/^.$/", "/[^\\x00-\\x7f]/", "/B$/", "/(?i)É/")), {
    maxLength: 2,
  }),
  not: fc.oneof(fc.constant([]), fc.array(fc.oneof(text, fc.constantFrom("/^a/", "/k/i")), { maxLength: 2 })),
  others: fc.oneof(
    { weight: 3, arbitrary: fc.constant("") },
    fc.constantFrom(
      "not.level=warn,info",
      "not.service=api,k,%00",
      "meta.a=1",
      "meta.a=x\\,y,2",
      "not.meta.a=1,true",
      "meta.a.b=1",
      "not.meta.b=1&not.meta.a=%00",
      "meta.b=%00",
    ),
  ),
}).map(({ level, service, q, not, others }): Filter => {
  const params = new URLSearchParams(others);
  if (others.includes("level")) level = [];
  for (const name of level) params.append("level", name);
  for (const name of service) params.append("service", name);
  for (const pattern of q) params.append("q", pattern);
  for (const pattern of not) params.append("not", pattern);
  return parseFilter(params);
});

Deno.test("insertLogs() stores all columns, and gives the ids in the order of the logs", async () => {
  await using db = await migrated();
  const logs = parseLogs([
    { message: "one", level: "ERR", service: "api", timestamp: "2026-01-31T12:00:00.123456+02:00" },
    { message: "two", metadata: { a: [1, { b: null }], "k'": '"\\' } },
    ...Array.from({ length: 3000 }, (_, i) => ({ message: `${i}` })),
  ]);
  const inserted = await insertLogs(scoped(db.sql, 7), 7, logs);
  assert.equal(inserted.length, 3002);
  assert.deepEqual(inserted, inserted.toSorted((a, b) => a - b));
  assert.deepEqual(await readLog(scoped(db.sql, 7), 7, inserted[0] ?? 0), {
    id: inserted[0],
    timestamp: "2026-01-31T10:00:00.123Z",
    level: "error",
    service: "api",
    message: "one",
    metadata: null,
  });
  const two = await readLog(scoped(db.sql, 7), 7, inserted[1] ?? 0);
  assert.deepEqual(two?.metadata, { a: [1, { b: null }], "k'": '"\\' });
  assert.ok(Math.abs(Date.parse(two.timestamp) - Date.now()) < 60_000);
  assert.equal((await readLog(scoped(db.sql, 7), 7, inserted.at(-1) ?? 0))?.message, "2999");
});

Deno.test("insertLogs() stores all or none", async () => {
  await using db = await migrated();
  const [good] = parseLogs([{ message: "good" }]);
  assert.ok(good);
  await assert.rejects(insertLogs(scoped(db.sql, 1), 1, [good, { ...good, timestamp: "no time" }, good]));
  assert.deepEqual((await readHistory(scoped(db.sql, 1), all)).logs, []);
});

Deno.test("insertLogs() stores whatever parseLogs() takes: NUL, lone surrogates, a megabyte, a long service", async () => {
  await using db = await migrated();
  const sent = [
    { message: "a\0b\ud800c", service: "\0", metadata: { "\0": "\udfff" } },
    { message: "é".repeat(512 * 1024) },
    { message: "m", service: "s".repeat(20_000), metadata: { big: "x".repeat(100_000) } },
    { message: "\u2028\r\n\u{1f600}\u202e\x1b[31m" },
  ];
  const logs = parseLogs(sent);
  const inserted = await insertLogs(scoped(db.sql, 1), 1, logs);
  for (const [i, id] of inserted.entries()) {
    const stored = await readLog(scoped(db.sql, 1), 1, id);
    assert.equal(stored?.message, logs[i]?.message);
    assert.equal(stored?.service, logs[i]?.service);
    assert.deepEqual(stored?.metadata, logs[i]?.metadata ?? null);
    assert.equal(stored?.truncated, undefined);
  }
  const [, , , big] = (await readHistory(scoped(db.sql, 1), all)).logs;
  assert.equal((await readHistory(scoped(db.sql, 1), all)).logs[2]?.message.length, 1000);
  assert.equal((await readHistory(scoped(db.sql, 1), all)).logs[2]?.truncated, true);
  assert.equal(big?.message, "a\u2400b\ufffdc");
});

Deno.test("readLog() knows no other organization's logs", async () => {
  await using db = await migrated();
  const [id = 0] = await insertLogs(scoped(db.sql, 2), 2, parseLogs([{ message: "theirs" }]));
  assert.equal(await readLog(scoped(db.sql, 1), 1, id), null);
  assert.equal((await readLog(scoped(db.sql, 2), 2, id))?.message, "theirs");
  assert.equal(await readLog(scoped(db.sql, 1), 1, Number.MAX_SAFE_INTEGER), null);
});

Deno.test("readHistory() gives every log once, page by page, newest first, within its bounds", async () => {
  await using db = await migrated();
  const inserted = await insertLogs(
    scoped(db.sql, 1),
    1,
    parseLogs(Array.from({ length: 25 }, (_, i) => ({ message: `${i}` }))),
  );
  await insertLogs(scoped(db.sql, 2), 2, parseLogs([{ message: "theirs" }]));
  for (const filter of [NO_FILTER, filterOf("q=/./"), filterOf("not=x")]) {
    for (const limit of [1, 7, 24, 25, 26]) {
      const seen: number[] = [];
      const sizes: number[] = [];
      for (let before: number | null = null;;) {
        const page = await readHistory(scoped(db.sql, 1), { ...all, filter, before, limit });
        seen.push(...ids(page.logs));
        sizes.push(page.logs.length);
        if (page.next === null) break;
        before = page.next;
      }
      assert.deepEqual(seen, inserted.toReversed());
      assert.ok(sizes.slice(0, -1).every((size) => size === limit));
    }
    const [after = 0, before = 0] = [inserted[4], inserted[20]];
    const within = await readHistory(scoped(db.sql, 1), { ...all, filter, after, before });
    assert.deepEqual(ids(within.logs), inserted.slice(5, 20).toReversed());
    assert.equal(within.next, null);
  }
});

Deno.test("readHistory() hands on what it has when it took too long, be it after one row", async () => {
  await using db = await migrated();
  await insertLogs(scoped(db.sql, 1), 1, parseLogs(["a1", "b", "a2"].map((message) => ({ message }))));
  const impatient = (before: number | null) =>
    readHistory(scoped(db.sql, 1), { ...all, filter: filterOf("q=/a/"), before }, { patience: -1 });
  const pages: string[][] = [];
  let before: number | null = null;
  do {
    const page = await impatient(before);
    pages.push(page.logs.map(({ message }) => message));
    before = page.next;
  } while (before !== null);
  assert.deepEqual(pages, [["a2"], [], ["a1"]]);
});

Deno.test("readHistory() cuts messages to previews of characters, and marks them", async () => {
  await using db = await migrated();
  const messages = ["a".repeat(1000), "a".repeat(1001), "\u{1f600}".repeat(1000), "\u{1f600}".repeat(1001)];
  await insertLogs(scoped(db.sql, 1), 1, parseLogs(messages.map((message) => ({ message }))));
  const { logs } = await readHistory(scoped(db.sql, 1), all);
  assert.deepEqual(logs.reverse().map(({ message, truncated }) => [[...message].length, truncated]), [
    [1000, undefined],
    [1000, true],
    [1000, undefined],
    [1000, true],
  ]);
});

Deno.test("readHistory(), newest() and catchUp() let through what compileFilter() does", async () => {
  await using db = await migrated();
  const store = createHubStore(db.sql);
  const since = await store.snapshot();
  const stored: WholeLog[] = [];
  const sent = fc.sample(entries, { numRuns: 4, seed: 42 }).flat();
  for (const id of await insertLogs(scoped(db.sql, 1), 1, parseLogs(sent))) {
    const log = await readLog(scoped(db.sql, 1), 1, id);
    if (log) stored.push(log);
  }
  // As applications write them, past parseLogs().
  const raw = await db.sql<{ id: string }[]>`
    insert into logs (level, service, message) values ('WARNING', 'api', 'raw k'), ('whatever', '', '') returning id`;
  for (const { id } of raw) stored.push(await readLog(scoped(db.sql, 1), 1, Number(id)) ?? assert.fail());
  await insertLogs(scoped(db.sql, 2), 2, parseLogs([{ message: "a" }]));
  let some = 0;
  await fc.assert(
    fc.asyncProperty(filters, async (filter) => {
      const matcher = compileFilter(filter);
      const expected = stored.filter((log) => matches(matcher, log, log.metadata as MetadataTexts)).map((
        { id },
      ) => id);
      if (expected.length > 0 && expected.length < stored.length) some++;
      const query = { organizationId: 1, filter, limit: 1000 };
      assert.deepEqual(
        ids((await readHistory(scoped(db.sql, 1), { ...all, filter })).logs).reverse(),
        expected,
      );
      assert.deepEqual((await store.newest(query)).logs.map(({ log }) => log.id), expected);
      assert.deepEqual(
        (await store.newest({ ...query, limit: 3 })).logs.map(({ log }) => log.id),
        expected.slice(-3),
      );
      const caught = await store.catchUp({ ...query, since, head: 0, had: [] });
      assert.deepEqual(caught.logs.map(({ log }) => log.id), expected);
      assert.equal(caught.gap, null);
      const few = await store.catchUp({ ...query, since, limit: 3, head: 0, had: [] });
      assert.deepEqual(few.logs.map(({ log }) => log.id), expected.slice(-3));
      const times = stored.filter((log) => expected.slice(0, -3).includes(log.id)).map(({ timestamp }) =>
        timestamp
      )
        .sort();
      assert.deepEqual(
        few.gap,
        expected.length > 3 ? { missed: expected.length - 3, from: times[0], to: times.at(-1) } : null,
      );
    }),
    { numRuns: 150 },
  );
  assert.ok(some > 30, "the filters tell logs apart");
});

Deno.test("newest() gives the same logs as the stream: previews, and nothing of metadata", async () => {
  await using db = await migrated();
  const long = "needle " + "x".repeat(2000) + " end";
  const [id = 0] = await insertLogs(
    scoped(db.sql, 1),
    1,
    parseLogs([{ message: long, level: "err", metadata: { a: 1 } }]),
  );
  for (const filter of [NO_FILTER, filterOf("q=END"), filterOf("q=/end$/")]) {
    const { logs: [first] } = await createHubStore(db.sql).newest({ organizationId: 1, filter, limit: 1 });
    const { timestamp, ...log }: Log = first?.log ?? assert.fail();
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
    assert.deepEqual(log, {
      id,
      level: "error",
      service: "default",
      message: long.slice(0, 1000),
      truncated: true,
    });
  }
});

Deno.test("read() gives whole messages, and leaves out what does not exist or is another organization's", async () => {
  await using db = await migrated();
  const store = createHubStore(db.sql);
  const long = "x".repeat(5000);
  const inserted = await insertLogs(
    scoped(db.sql, 1),
    1,
    parseLogs([{ message: long }, { message: "short" }]),
  );
  const theirs = await insertLogs(scoped(db.sql, 2), 2, parseLogs([{ message: "theirs" }]));
  const rows = await store.read(1, [...inserted, ...theirs, 999_999]);
  const found = new Map(rows.map((row) => [row.log.id, row]));
  assert.deepEqual([...found.keys()].sort(), inserted);
  const [one, two] = inserted.map((id) => found.get(id));
  assert.deepEqual([one?.log.message.length, one?.log.truncated], [1000, true]);
  assert.deepEqual([one?.whole.message, one?.whole.truncated], [long, undefined]);
  assert.equal(two?.whole, two?.log);
});
