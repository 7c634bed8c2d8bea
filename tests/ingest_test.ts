// Many who send logs at once, to the real program.

import assert from "node:assert/strict";
import { testServer } from "./postgres.ts";
import { metric, startTailpost } from "./server.ts";

const postgres = await testServer();

function send(url: string, message: string): Promise<Response> {
  return fetch(`${url}/api/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message }),
  });
}

Deno.test("requests that come at once share INSERTs, and each is answered for itself", async () => {
  await using tailpost = await startTailpost(postgres);
  const unlock = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const locking = tailpost.sql.begin(async (sql) => {
    await sql`lock table logs in exclusive mode`;
    locked.resolve();
    await unlock.promise;
  });
  await locked.promise;
  const sent = Array.from({ length: 100 }, (_, i) => send(tailpost.url, `log ${i}`));
  while (await metric(tailpost, "tailpost_requests_waiting") < 96);
  // One that cannot be taken is told so meanwhile.
  const bad = await send(tailpost.url, "");
  assert.equal(bad.status, 400);
  await bad.body?.cancel();
  unlock.resolve();
  await locking;
  const answers = await Promise.all(sent.map(async (answer) => await (await answer).json()));
  const rows = await tailpost.sql<{ id: string; message: string }[]>`select id, message from logs`;
  const stored = new Map(rows.map(({ id, message }) => [Number(id), message]));
  assert.deepEqual(answers.map(({ ids: [id] }) => stored.get(id)), sent.map((_, i) => `log ${i}`));
  assert.equal(stored.size, 100);
  assert.ok(await metric(tailpost, "tailpost_ingest_inserts_total") <= 6);
  assert.equal(await metric(tailpost, "tailpost_logs_ingested_total"), 100);
});

Deno.test("what was answered with 201 is in the table, though the server is killed", async () => {
  await using tailpost = await startTailpost(postgres);
  const stored: number[] = [];
  const enough = Promise.withResolvers<void>();
  const writers = Array.from({ length: 20 }, async (_, writer) => {
    try {
      for (let i = 0;; i++) {
        const { ids } = await (await send(tailpost.url, `log ${i} of ${writer}`)).json();
        stored.push(...ids);
        if (stored.length >= 500) enough.resolve();
      }
    } catch {
      // The server is gone.
    }
  });
  await enough.promise;
  Deno.kill(tailpost.pid, "SIGKILL");
  await Promise.all(writers);
  const [row] = await tailpost.sql<{ count: number }[]>`
    select count(*)::int as count from logs where id = any(${stored}::bigint[])`;
  assert.equal(row?.count, stored.length);
});
