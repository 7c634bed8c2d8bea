/** A deployment of two servers behind nginx that is restarted while people watch. */

import assert from "node:assert/strict";
import { migrateUp } from "../lib/migrations.ts";
import { Ledger } from "./faults/ledger.ts";
import { follow } from "./faults/stream.ts";
import { freePort } from "./installed.ts";
import { nginxTest, startNginx } from "./nginx.ts";
import { testServer } from "./postgres.ts";
import { type Program, runTailpost } from "./server.ts";

const server = await testServer();

const VIEWERS = 40;

/** One of the servers; ends as a deployment ends it. */
class Instance {
  #program: Program | null = null;
  constructor(readonly port: number, readonly databaseUrl: string) {}

  async start(): Promise<void> {
    const env = { DATABASE_URL: this.databaseUrl };
    this.#program = runTailpost(["serve", "--auth", "off", "--port", String(this.port)], env);
    await this.#program.line(/Tailpost is ready/u);
  }

  async stop(): Promise<void> {
    const status = await this.#program?.end("SIGTERM");
    assert.equal(status?.code, 0, this.#program?.output());
  }
}

nginxTest("a rolling restart behind nginx loses no log and shows none twice", async () => {
  await using database = await server.database();
  await migrateUp(database.sql);
  const instances = [new Instance(freePort(), database.url), new Instance(freePort(), database.url)];
  for (const instance of instances) await instance.start();
  const nginx = await startNginx(instances.map(({ port }) => port));

  const over = new AbortController();
  const viewers = Array.from({ length: VIEWERS }, () => ({ ledger: new Ledger(), streams: 0 }));
  const watching = viewers.map(async (viewer) => {
    const { ledger } = viewer;
    const url = `${nginx.url}/api/logs/stream`;
    while (!over.signal.aborted) {
      ledger.connected();
      await follow({ url, cursor: ledger.cursor, by: "header" }, (said) => ledger.hear(said), {
        signal: over.signal,
        onOpen: () => viewer.streams++,
      }).catch(() => {}); // Between two servers nginx answers 502.
      ledger.disconnected();
    }
  });
  const until = async (what: string, done: () => boolean) => {
    const late = performance.now() + 30_000;
    while (!done()) {
      assert.ok(performance.now() < late, what);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await until("all are live", () => viewers.every(({ ledger }) => ledger.database === "connected"));

  const ids: number[] = [];
  let writes = true;
  const writer = (async () => {
    for (let n = 0; writes; n++) {
      const [row] = await database.sql<{ id: string }[]>`
        insert into logs (message) values (${`#${n} rolling`}) returning id`;
      ids.push(Number(row?.id));
    }
  })();
  for (let round = 0; round < 2; round++) {
    for (const instance of instances) {
      await instance.stop();
      await instance.start();
      await until("all returned", () => viewers.every(({ ledger }) => ledger.database === "connected"));
    }
  }
  writes = false;
  await writer;
  const last = ids.at(-1) ?? assert.fail();
  await until("all have the last log", () => viewers.every(({ ledger }) => ledger.logs.has(last)));
  over.abort();
  await Promise.all(watching);
  await nginx[Symbol.asyncDispose]();
  for (const instance of instances) await instance.stop();

  assert.ok(ids.length > 100);
  for (const { ledger } of viewers) {
    assert.deepEqual(ids.filter((id) => !ledger.logs.has(id)), [], "missing");
    assert.deepEqual(ledger.repeated, []);
    assert.deepEqual(ledger.gaps, []);
  }
  assert.ok(viewers.every(({ streams }) => streams > 1), "all of them had to return");
});
