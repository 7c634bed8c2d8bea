import assert from "node:assert/strict";
import { NO_FILTER, parseFilter } from "../filter.ts";
import { limitStore } from "./limit.ts";
import type { Fetched, HubStore } from "./ports.ts";

/** A store whose answers wait until they are asked for. */
function slowStore() {
  const asked: { readonly what: string; readonly answer: () => void; readonly fail: () => void }[] = [];
  const ask = <T>(what: string, answer: T) => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    asked.push({ what, answer: () => resolve(answer), fail: () => reject(new Error(what)) });
    return promise;
  };
  const nothing: Fetched = { head: [], logs: [], cursor: "5:5:", started: "first", gap: null };
  const store: HubStore = {
    snapshot: () => ask("snapshot", "5:5:"),
    catchUp: ({ filter }) => ask(filter === NO_FILTER ? "catch-up" : "text", nothing),
    newest: () => ask("newest", nothing),
    read: () => ask("read", []),
  };
  return { store, asked, names: () => asked.map(({ what }) => what) };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));
const query = { organizationId: 1, limit: 10, since: "5:5:", head: 0, had: [] };
const text = { ...query, filter: parseFilter(new URLSearchParams("q=needle")) };
const all = { ...query, filter: NO_FILTER };

Deno.test("limitStore() asks so much at a time, the others in their order, also after one that failed", async () => {
  const { store, asked, names } = slowStore();
  const limited = limitStore(store, 2);
  const answers = [limited.snapshot(), limited.catchUp(all), limited.newest(all), limited.read(1, [1])];
  await turn();
  assert.deepEqual(names(), ["snapshot", "catch-up"]);
  asked[1]?.fail();
  await assert.rejects(answers[1] ?? Promise.resolve(), /catch-up/u);
  await turn();
  assert.deepEqual(names(), ["snapshot", "catch-up", "newest"]);
  asked[0]?.answer();
  await turn();
  assert.deepEqual(names(), ["snapshot", "catch-up", "newest", "read"]);
  for (const { answer } of asked) answer();
  await Promise.allSettled(answers);
});

Deno.test("limitStore() leaves a place to others where many look for text", async () => {
  const { store, asked, names } = slowStore();
  const limited = limitStore(store, 3);
  const answers: Promise<unknown>[] = Array.from({ length: 4 }, () => limited.catchUp(text));
  answers.push(limited.catchUp(all), limited.snapshot());
  await turn();
  assert.deepEqual(names(), ["text", "text", "catch-up"]);
  asked[2]?.answer();
  await turn();
  assert.deepEqual(names(), ["text", "text", "catch-up", "snapshot"]);
  asked[0]?.answer();
  await turn();
  assert.deepEqual(names().slice(4), ["text"]);
  // Alone they get on, too.
  for (let i = 0; i < asked.length; i++) {
    asked[i]?.answer();
    await turn();
  }
  await Promise.all(answers);
  assert.equal(asked.length, 6);
  const one = limitStore(store, 1).catchUp(text);
  await turn();
  asked.at(-1)?.answer();
  await one;
});
