// Filters on metadata, and metadata beside each log, over the real program: history, tail, live and resumed streams agree.

import assert from "node:assert/strict";
import { testServer } from "./postgres.ts";
import { startTailpost, type TestTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const postgres = await testServer();

async function send({ url }: TestTailpost, logs: unknown): Promise<number[]> {
  const response = await fetch(`${url}/api/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(logs),
  });
  const { ids } = await response.json();
  assert.equal(response.status, 201);
  return ids;
}

const QUERY = "meta.user.id=42&not.meta.region=eu&not.level=debug&fields=user.id,user.name,size";
const logs = (round: string) => [
  { message: `${round} first`, metadata: { user: { id: 42, name: "é".repeat(300) }, size: 1.5 } },
  { message: `${round} other user`, metadata: { user: { id: 7 } } },
  { message: `${round} left out`, metadata: { user: { id: 42 }, region: "eu" } },
  { message: `${round} too low`, level: "debug", metadata: { user: { id: 42 } } },
  { message: `${round} none` },
  // Longer than a preview, and one that no notification holds.
  { message: `${round} ${"long ".repeat(500)}`, metadata: { user: { id: "42", name: null } } },
  { message: `${round} wide`, service: "s".repeat(9000), metadata: { user: { id: "42" }, size: [1] } },
];
const MATCHING = [0, 5, 6];

Deno.test("metadata decides the same for history, tail, live and resumed streams, and comes along", async () => {
  await using tailpost = await startTailpost(postgres);
  const stream = (more: string) => openViewer(`${tailpost.url}/api/logs/stream?${QUERY}&${more}`);
  const history = async () =>
    (await (await fetch(`${tailpost.url}/api/logs?${QUERY}`)).json()).logs
      .map(({ metadata: _, ...log }: Record<string, unknown>) => log).reverse();
  const matching = (ids: number[]) => MATCHING.map((i) => ids[i]);

  const before = matching(await send(tailpost, logs("before")));
  let cursor: string;
  {
    await using viewer = await stream("tail=10");
    await using everything = await openViewer(`${tailpost.url}/api/logs/stream`);
    const live = matching(await send(tailpost, logs("live")));
    await viewer.until("live logs", ({ logs }) => logs.length >= 6);
    assert.deepEqual(viewer.logs.map(({ id }) => id), [...before, ...live]);
    assert.deepEqual(viewer.logs, await history());
    assert.deepEqual(viewer.logs[3]?.fields, { "user.id": "42", "user.name": "é".repeat(200), size: "1.5" });
    assert.deepEqual(viewer.logs[4]?.fields, { "user.id": "42" });
    // Nobody else pays: no fields where none were asked for.
    await everything.until("all", ({ logs }) => logs.length >= 7);
    assert.ok(everything.logs.every((log) => log.fields === undefined));
    await viewer.until("cursor", ({ cursor }) => cursor !== null);
    cursor = viewer.cursor ?? "";
  }
  const missed = matching(await send(tailpost, logs("missed")));
  {
    await using viewer = await stream(`lastEventId=${cursor}`);
    const after = matching(await send(tailpost, logs("after")));
    const expected = [...missed, ...after];
    await viewer.until(
      "what was missed and what came after",
      ({ logs }) => logs.at(-1)?.id === expected.at(-1),
    );
    assert.deepEqual(viewer.logs.map(({ id }) => id).filter((id) => expected.includes(id)), expected);
    assert.deepEqual(viewer.logs.at(-1)?.fields, { "user.id": "42" });
    // Many at once, each announced by itself, are read back together.
    await tailpost.sql`
      insert into logs (message, metadata)
      select 'many ' || i, jsonb_build_object('user', jsonb_build_object('id', i % 2 * 42)) from generate_series(1, 500) as i`;
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        tailpost.sql`
        insert into logs (message, metadata) values (${`single ${i}`}, ${
          tailpost.sql.json({ user: { id: 42 } })
        })`),
    );
    await viewer.until(
      "all of them",
      ({ logs }) => logs.filter(({ message }) => /^many|^single/u.test(message)).length >= 350,
    );
    assert.deepEqual(new Set(viewer.logs.slice(-350).map(({ id }) => id)).size, 350);
  }
});

Deno.test("bad filters on metadata and bad fields are refused, and say where", async () => {
  await using tailpost = await startTailpost(postgres);
  for (const path of ["/api/logs", "/api/logs/stream", "/api/logs/rate"]) {
    for (const [query, at] of [["meta.a..b=1", "meta.a..b"], ["not.level=loud", "not.level"]] as const) {
      const response = await fetch(`${tailpost.url}${path}?${query}`);
      assert.equal(response.status, 400);
      assert.equal((await response.json()).error.details[0].path, at);
    }
  }
  for (const fields of ["a..b", Array.from({ length: 11 }, (_, i) => `f${i}`).join()]) {
    const response = await fetch(`${tailpost.url}/api/logs?fields=${fields}`);
    assert.equal((await response.json()).error.details[0].path, "fields");
  }
});
