/** No WAL is kept for a server that is gone, however it went: nobody is there to look after the disk. */

import assert from "node:assert/strict";
import postgres from "postgres";
import { testServer } from "./postgres.ts";
import { runTailpost } from "./server.ts";

const server = await testServer({ settings: { wal_level: "logical" } });

for (const [how, signal] of [["killed", "SIGKILL"], ["suspended", "SIGSTOP"]] as const) {
  Deno.test(`serve --source wal has no slot once it was ${how}, nor while nobody watches`, async () => {
    await using db = await server.database();
    await using resources = new AsyncDisposableStack();
    const superuser = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
    resources.defer(() => superuser.end());
    /** Waits until there are so many slots. A suspended server has its own for half a minute. */
    const slots = async (count: number) => {
      for (;;) {
        const found = await superuser`select from pg_replication_slots where slot_name like 'tailpost%'`;
        if (found.length === count) return;
      }
    };
    await superuser`alter role tailpost replication`;
    const env = { DATABASE_URL: db.url, TAILPOST_SOURCE: "wal" };
    const migrating = runTailpost(["migrate"], env);
    assert.equal((await migrating.status).code, 0, migrating.output());
    const program = runTailpost(["serve", "--auth", "off", "--port", "0"], env);
    resources.defer(async () => void await program.end("SIGKILL"));
    const [, url] = await program.line(/ready at (http\S+)/u);
    await slots(0);

    const { body } = await fetch(`${url}/api/logs/stream`);
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    resources.defer(async () => void await reader?.cancel().catch(() => {}));
    await slots(1);
    await db.sql`insert into logs (message) values ('heard')`;
    for (let text = ""; !text.includes("heard");) text += (await reader?.read())?.value ?? "";

    Deno.kill(program.pid, signal);
    await slots(0);
  });
}
