import assert from "node:assert/strict";
import { testHub } from "./_testing.ts";
import { type Backlog, type BacklogHolder, Backlogs, encodeBacklog } from "./backlog.ts";

const backlog = (bytes: number): Backlog => ({
  chunks: [],
  bytes,
  started: "first",
  again: new Set(),
  partial: false,
});

/** A holder that gives up as it is told. */
function holder(backlogs: Backlogs, held: Backlog): BacklogHolder & { dropped: boolean } {
  return {
    dropped: false,
    dropBacklog() {
      this.dropped = true;
      backlogs.release(held, this);
    },
  };
}

Deno.test("encodeBacklog() writes the gap, the logs in chunks, and the cursor last", () => {
  const log = {
    id: 1,
    timestamp: "2026-01-31T12:00:00.000Z",
    level: "info" as const,
    service: "api",
    message: "é".repeat(1000),
  };
  const gap = { missed: 3, from: log.timestamp, to: log.timestamp };
  const logs = Array.from({ length: 200 }, () => ({ log, xid: 1n }));
  const { chunks, bytes } = encodeBacklog({ head: [], logs, cursor: "7:8:", started: "first", gap }, {
    since: "1:1:",
  });
  const text = chunks.map(({ bytes }) => new TextDecoder().decode(bytes)).join("");
  assert.ok(text.startsWith('event: gap\ndata: {"missed":3'));
  assert.ok(text.endsWith("\n\nid: 7:8:\n\n"));
  assert.equal(text.match(/^data: \{"id"/gmu)?.length, 200);
  assert.ok(chunks.length > 1 && chunks.every(({ bytes }) => bytes.byteLength < 256 * 1024));
  assert.equal(bytes, chunks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
  assert.deepEqual(chunks.map(({ cursor }) => cursor), [...chunks.slice(1).map(() => null), "7:8:"]);
});

Deno.test("encodeBacklog() gives a cursor after each chunk of a catch-up that ends between transactions", () => {
  const log = {
    id: 1,
    timestamp: "2026-01-31T12:00:00.000Z",
    level: "info" as const,
    service: "api",
    message: "x".repeat(33_000),
  };
  // Two logs are a chunk. Transaction 7 was open at the beginning, 12 still is.
  const logs = [7n, 11n, 13n, 13n, 13n, 14n, 15n].map((xid) => ({ log, xid }));
  const fetched = { head: [], logs, cursor: "12:16:12", started: "first", gap: null };
  const cursors = (options: { since?: string }) =>
    encodeBacklog(fetched, options).chunks.map(({ cursor }) => cursor);
  assert.deepEqual(cursors({ since: "7:10:7" }), ["11:12:", null, "11:15:12", "12:16:12"]);
  assert.deepEqual(cursors({}), [null, null, null, "12:16:12"], "a tail is in no such order");
});

Deno.test("Backlogs counts what several hold once, until the last lets go", () => {
  const backlogs = new Backlogs(100);
  const shared = backlog(60);
  const [one, two] = [holder(backlogs, shared), holder(backlogs, shared)];
  backlogs.take(shared, one);
  backlogs.take(shared, two);
  assert.equal(backlogs.bytes, 60);
  backlogs.release(shared, one);
  backlogs.release(shared, one);
  assert.equal(backlogs.bytes, 60);
  backlogs.release(shared, two);
  assert.equal(backlogs.bytes, 0);
});

Deno.test("Backlogs gives up the oldest for the newest, which alone may be over the bound", () => {
  const backlogs = new Backlogs(100);
  const held = [40, 50, 60, 500].map(backlog);
  const holders = held.map((one) => holder(backlogs, one));
  const dropped = () => holders.map(({ dropped }) => dropped);
  for (const i of [0, 1, 2]) backlogs.take(held[i] ?? backlog(0), holders[i] ?? assert.fail());
  assert.deepEqual(dropped(), [true, true, false, false]);
  assert.equal(backlogs.bytes, 60);
  backlogs.take(held[3] ?? backlog(0), holders[3] ?? assert.fail());
  assert.deepEqual(dropped(), [true, true, true, false]);
  assert.equal(backlogs.bytes, 500);
});

Deno.test("createHub() fetches again for viewers whose backlog was given up, and none of them misses a log", async () => {
  await using test = testHub({ mostBacklog: 1024 * 1024 });
  const { database, open } = test;
  const messages = Array.from({ length: 100 }, (_, i) => `${i}`);
  const cursor = database.snapshot();
  // Twice the buffer of a viewer, so that the rest stays with the hub.
  for (const message of messages) database.insert({ message, service: "s".repeat(20_000) });
  const viewers = [
    open("", { reads: false, tail: 100 }),
    open("level=info", { reads: false, since: cursor }),
    open("level=info,warn", { reads: false, since: cursor }),
    open("level=info,error", { reads: false, tail: 90 }),
  ];
  const fetches = () => database.asked.filter((question) => question !== "snapshot").length;
  while (fetches() < 4) await new Promise((resolve) => setTimeout(resolve));
  for (const [i, viewer] of viewers.entries()) {
    viewer.read();
    await viewer.untilLog("99");
    // What was written before its backlog was given up comes once more: a client drops it by its id.
    assert.deepEqual([...new Set(viewer.messages)].toSorted(), messages.slice(i === 3 ? 10 : 0).toSorted());
  }
  assert.ok(fetches() > 4, "some were given up");
});
