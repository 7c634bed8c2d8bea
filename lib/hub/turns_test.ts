import assert from "node:assert/strict";
import fc from "fast-check";
import { NO_FILTER } from "../filter.ts";
import { type MemoryDatabase, testHub, type TestViewer } from "./_testing.ts";
import { STEP } from "./bounds.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

/** More than a flush does in one turn. */
const CROWD = 3 * STEP;

/** Every log that a viewer has before its newest cursor, and those that it would get with it, make up all there are. */
async function assertTrue(viewer: TestViewer, database: MemoryDatabase, ids: readonly number[]) {
  if (viewer.cursor === null) return;
  const query = { organizationId: 1, filter: NO_FILTER, limit: 10_000, head: 0, had: [] };
  const { logs } = await database.store.catchUp({ ...query, since: viewer.cursor });
  const last = viewer.said.findLastIndex(({ kind }) => kind === "cursor");
  const known = new Set(logs.map(({ log }) => log.id));
  for (const one of viewer.said.slice(0, last)) if (one.kind === "log") known.add(one.log.id);
  assert.deepEqual(ids.filter((id) => !known.has(id)), [], "a cursor claims what was not sent");
}

Deno.test("createHub() flushes in turns, and hands on what comes meanwhile to those whose turn is to come", async () => {
  await using test = testHub();
  const { clock, database, hub, open } = test;
  const viewers = Array.from({ length: CROWD }, () => open());
  for (const viewer of viewers) await viewer.untilReady();
  clock.advance(20);
  clock.perLook = 100;
  database.insert("first");
  await turn();
  const counts = () => viewers.map(({ messages }) => messages.join(" "));
  assert.deepEqual(new Set(counts().slice(0, STEP)), new Set(["first"]), "the first turn");
  assert.deepEqual(new Set(counts().slice(STEP)), new Set([""]), "not yet");
  database.insert("second");
  clock.advance(0);
  await turn();
  assert.deepEqual(new Set(counts().slice(STEP, 2 * STEP)), new Set(["first second"]), "its turn");
  clock.perLook = 0;
  clock.advance(1000);
  await turn();
  assert.deepEqual(new Set(counts()), new Set(["first second"]));
  assert.equal(hub.counts.sent, 2 * CROWD);
});

Deno.test("createHub() gives others their turn between organizations, too", async () => {
  await using test = testHub();
  const { clock, database, open } = test;
  const viewers = [1, 2, 3].map((organizationId) => open("", { organizationId }));
  for (const viewer of viewers) await viewer.untilReady();
  clock.advance(20);
  clock.perLook = 100;
  database.insert(...[1, 2, 3].map((organizationId) => ({ message: "hello", organizationId })));
  const counts = async () => {
    await turn();
    return viewers.map(({ messages }) => messages.length);
  };
  assert.deepEqual(await counts(), [1, 0, 0]);
  clock.advance(0);
  assert.deepEqual(await counts(), [1, 1, 0]);
  clock.advance(0);
  assert.deepEqual(await counts(), [1, 1, 1]);
});

Deno.test("createHub() ends what is left of a flush, and of heartbeats, with the streams", async () => {
  const test = testHub();
  const { clock, database, hub, open } = test;
  const viewers = Array.from({ length: CROWD }, () => open());
  for (const viewer of viewers) await viewer.untilReady();
  clock.advance(20);
  clock.perLook = 100;
  clock.advance(15_000);
  database.insert("first");
  await turn();
  database.insert("second");
  hub.close();
  for (const viewer of viewers) await viewer.until(({ ended }) => ended);
  assert.ok(viewers.every(({ messages }) => messages.join(" ") === "first second"));
  for (const viewer of viewers) await assertTrue(viewer, database, [1, 2]);
  assert.equal(new Set(viewers.map(({ cursor }) => cursor)).size, 1, "all have the newest cursor");
  assert.equal(clock.pending, 0);
});

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("info", "error", "turn", "pause") },
    { weight: 1, arbitrary: fc.constantFrom("join", "return", "stall", "read", "heartbeat", "many", "lose") },
  ),
  { minLength: 20, maxLength: 60 },
);

Deno.test("createHub() keeps all in step, whatever happens between the turns of a flush", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await using test = testHub({ linger: 1e9 });
      const { clock, database, open } = test;
      const all: { level: string; message: string }[] = [];
      const ids: number[] = [];
      const crowd: { viewer: TestViewer; query: string; from: number; had: string[] }[] = [];
      const join = (query: string, reads = true, since: string | null = null, had: string[] = []) =>
        crowd.push({ viewer: open(query, { reads, since }), query, from: all.length, had });
      const insert = (level: "info" | "error", message = `${level} ${all.length}`) => {
        all.push({ level, message });
        ids.push(...database.insert({ level, message }));
      };
      for (let i = 0; i < CROWD; i++) join(["", "level=error", "q=1"][i % 3] ?? "");
      for (const { viewer } of crowd) await viewer.untilReady();
      clock.advance(20);
      clock.perLook = 50;
      for (const [i, step] of steps.entries()) {
        switch (step) {
          case "info":
          case "error":
            insert(step);
            break;
          case "many":
            for (let n = 0; n < 1100; n++) insert("info");
            break;
          case "turn":
            clock.advance(0);
            break;
          case "pause":
            clock.advance(25);
            break;
          case "heartbeat":
            clock.advance(15_000);
            break;
          case "join":
            join("");
            break;
          case "stall":
            join("level=error", false);
            break;
          case "read":
            for (const { viewer } of crowd) viewer.read();
            break;
          case "lose":
            database.disconnect();
            insert("error", `missed ${i}`);
            database.reconnect();
            break;
          case "return": {
            const one = crowd.splice(i % crowd.length, 1)[0];
            if (!one) break;
            await one.viewer.leave();
            const { viewer, query, from, had } = one;
            if (viewer.cursor === null) break;
            join(query, true, viewer.cursor, [...had, ...viewer.messages]);
            Object.assign(crowd.at(-1) ?? {}, { from });
          }
        }
        await turn();
        for (let at = i % 10; at < crowd.length; at += 10) {
          const one = crowd[at];
          // What a filter lets through cannot be told from the ids.
          if (one?.query === "" && one.had.length === 0 && one.from === 0) {
            await assertTrue(one.viewer, database, ids);
          }
        }
      }
      clock.perLook = 0;
      for (const { viewer } of crowd) viewer.read();
      for (let i = 0; i < 3; i++) {
        await turn();
        clock.advance(1000);
      }
      insert("error", "end 1");
      for (let i = 0; i < 3; i++) {
        await turn();
        clock.advance(1000);
      }
      for (const { viewer, query, from, had } of crowd) {
        await viewer.untilLog("end 1");
        const expected = all.slice(from).filter(({ level, message }) =>
          query === "" || (query === "q=1" ? message.includes("1") : level === "error")
        ).map(({ message }) => message);
        // Whoever returns may get again what its cursor did not claim yet; nobody else gets anything twice.
        const got = had.length > 0 ? [...new Set([...had, ...viewer.messages])] : viewer.messages;
        assert.deepEqual(got.filter((message) => expected.includes(message)), expected);
      }
    }),
    { numRuns: 25 },
  );
});

Deno.test("createHub() lets viewers have their turn where catching up is asked for all the time", async () => {
  let asked = 0;
  await using test = testHub({
    store: {
      snapshot: () => test.database.store.snapshot(),
      newest: (query) => test.database.store.newest(query),
      read: (...query) => test.database.store.read(...query),
      async catchUp(query) {
        // Before one is answered there is the next, as with a source that hears nothing and answers that are slow.
        await turn();
        if (asked++ < 100) test.hub.missed(null);
        return await test.database.store.catchUp(query);
      },
    },
  });
  const { hub, database, clock, open } = test;
  const first = open();
  await first.untilReady();
  const cursor = database.snapshot();
  database.announces = false;
  database.insert("missed");
  hub.missed(null);
  const back = open("", { since: cursor });
  while (!back.messages.includes("missed") && asked < 100) {
    clock.advance(20);
    await turn();
  }
  assert.ok(asked < 50, "It had no turn before");
});
