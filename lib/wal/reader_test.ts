import assert from "node:assert/strict";
import { concat, encode, encodeInsert, int } from "./_testing.ts";
import { createWalReader, WalReaderError, type WalReaderOptions, type WalTransaction } from "./reader.ts";

const COLUMNS = ["id", "organization_id", "timestamp", "level", "service", "message", "metadata"];

/** `Relation`, `Begin` and `Commit` of the manual's Logical Replication Message Formats. */
function relation(id: number, columns: readonly string[], name = "logs"): Uint8Array {
  const described = columns.map((column) => concat(encode("\0", column), int(4, 25), int(4, -1 >>> 0)));
  return encode("R", int(4, id), "public", name, int(1, 100), int(2, columns.length), ...described);
}
const begin = (xid: number, lsn: number) => encode("B", int(8, lsn), int(8, 0), int(4, xid));
const commit = (lsn: number) => encode("C", int(1, 0), int(8, lsn), int(8, lsn + 8), int(8, 0));

/** What a row of the columns above says. */
function row(id: number, organizationId: number, message = `log ${id}`, metadata: string | null = null) {
  const texts = [String(id), String(organizationId), "2026-01-31 12:00:00.5+00", "WARN", "api", message];
  return [...texts, metadata];
}
const insert = (...values: Parameters<typeof row>) => encodeInsert(1, row(...values));

function start(options: Partial<WalReaderOptions> = {}) {
  const told: WalTransaction[] = [];
  const reader = createWalReader({
    isWatched: (id) => id === 7,
    near: () => 1000n,
    committed: (transaction) => void told.push(transaction),
    ...options,
  });
  const read = (...messages: Uint8Array[]) => messages.map((message) => reader.read(message)).at(-1);
  return { reader, read, told, ids: () => told.map(({ logs }) => logs.map(({ log }) => log.log.id)) };
}

Deno.test("createWalReader() tells a transaction when it has committed, with the logs that are watched", () => {
  const { reader, read, told } = start();
  assert.equal(read(begin(1001, 500), relation(1, COLUMNS)), null);
  assert.equal(read(insert(1, 7, "one", '{"a": 1}'), insert(2, 8), insert(3, 7, "three")), null);
  assert.equal(told.length, 0);
  assert.equal(reader.read(commit(500)), 508n);
  const log = (id: number, message: string) => ({
    id,
    timestamp: "2026-01-31T12:00:00.500Z",
    level: "warn",
    service: "api",
    message,
  });
  assert.deepEqual(told, [{
    xid: 1001n,
    lsn: 500n,
    logs: [
      { organizationId: 7, log: { log: log(1, "one"), whole: log(1, "one"), metadata: '{"a": 1}' } },
      { organizationId: 7, log: { log: log(3, "three"), whole: log(3, "three"), metadata: "null" } },
    ],
    size: 3 + 8 + 5,
    more: new Set(),
  }]);
});

Deno.test("createWalReader() tells of logs that nobody watches as of a transaction without any", () => {
  const { read, told } = start();
  read(begin(1001, 500), relation(1, COLUMNS), insert(1, 8), commit(500));
  assert.deepEqual(told.map(({ xid, logs, more }) => [xid, logs, [...more]]), [[1001n, [], []]]);
});

Deno.test("createWalReader() does not tell of transactions without rows, and of other tables", () => {
  const { read, told } = start();
  assert.equal(read(begin(1001, 500), commit(500)), 508n);
  const other = relation(2, ["id", "message"], "others");
  assert.equal(read(begin(1002, 600), other, encodeInsert(2, ["1", "x"]), commit(600)), 608n);
  // A table that was never described, and messages of no interest.
  assert.equal(read(begin(1003, 700), encodeInsert(3, ["1"]), encode("T", int(4, 0)), commit(700)), 708n);
  assert.deepEqual(told, []);
});

Deno.test("createWalReader() takes columns in another order, and more of them", () => {
  const { read, ids, told } = start();
  const order = [6, 5, 4, 3, 2, 1, 0];
  const columns = ["xid", ...order.map((at) => COLUMNS[at] ?? "")];
  const values = ["1001", ...order.map((at) => row(1, 7, "x")[at])];
  read(begin(1001, 500), relation(1, columns), encodeInsert(1, values), commit(500));
  // The table is changed.
  read(begin(1002, 600), relation(1, [...COLUMNS, "new"]), encodeInsert(1, [...row(2, 7), "y"]), commit(600));
  assert.deepEqual(ids(), [[1], [2]]);
  assert.equal(told[0]?.logs[0]?.log.log.message, "x");
});

Deno.test("createWalReader() fails where columns of the logs are not told, rather than tell of none", () => {
  const { read } = start();
  assert.throws(() => read(begin(1001, 500), relation(1, COLUMNS.slice(1))), WalReaderError);
  read(begin(1001, 500), relation(1, COLUMNS, "parted"));
  assert.throws(() => read(relation(1, COLUMNS.slice(1), "parted")), WalReaderError);
});

Deno.test("createWalReader() says that there may be more for who watches in the midst of a transaction", () => {
  const watched = new Set<number>();
  const { reader, read, told, ids } = start({ isWatched: (id) => watched.has(id) });
  const watch = (id: number) => {
    watched.add(id);
    reader.watched(id);
  };
  watch(7);
  read(begin(1001, 500), relation(1, COLUMNS), insert(1, 7), insert(2, 8));
  watch(8);
  read(insert(3, 8), commit(500));
  // Between two there is nothing to be missed.
  watch(9);
  read(begin(1002, 600), insert(4, 9), commit(600));
  read(begin(1003, 700));
  watch(7);
  read(commit(700));
  assert.deepEqual(ids(), [[1, 3], [4]]);
  assert.deepEqual(told.map(({ more }) => [...more]), [[8], []]);
});

Deno.test("createWalReader() keeps so many logs of a transaction, and says that there are more", () => {
  const { read, told } = start({ isWatched: (id) => id < 9 });
  read(begin(1001, 500), relation(1, COLUMNS));
  for (let id = 1; id <= 20_000; id++) read(insert(id, 7));
  read(insert(20_001, 9));
  read(commit(500));
  read(begin(1002, 600));
  for (let id = 1; id <= 20_001; id++) read(insert(id, 7));
  read(insert(20_002, 8), insert(20_003, 9), commit(600));
  assert.deepEqual(told.map(({ logs, more }) => [logs.length, [...more]]), [[20_000, []], [20_000, [7, 8]]]);
});

Deno.test("createWalReader() keeps so many characters of a transaction, and says that there are more", () => {
  const { read, told } = start();
  const large = "x".repeat(2 ** 20);
  read(begin(1001, 500), relation(1, COLUMNS));
  for (let id = 1; id <= 10; id++) read(insert(id, 7, id % 2 ? large : "", id % 2 ? null : `"${large}"`));
  read(commit(500));
  assert.equal(told[0]?.logs.length, 8);
  assert.deepEqual([...told[0]?.more ?? []], [7]);
  assert.equal(told[0]?.logs.reduce((sum, { log }) => sum + log.whole.message.length, 0), 4 * 2 ** 20);
});

Deno.test("createWalReader() goes on over the end of the ids, from one that it is told at first", () => {
  const { read, told } = start({ near: () => 2n ** 32n - 5n });
  read(relation(1, COLUMNS));
  for (const [at, xid] of [2 ** 32 - 2, 3, 2 ** 32 - 1, 2 ** 31, 2 ** 32 - 9, 5].entries()) {
    read(begin(xid, 100 * at), insert(at, 7), commit(100 * at));
  }
  const epoch = 2n ** 32n;
  assert.deepEqual(
    told.map(({ xid }) => xid),
    [epoch - 2n, epoch + 3n, epoch - 1n, 2n ** 31n, epoch - 9n, epoch + 5n],
  );
});
