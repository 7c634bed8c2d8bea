/** What happens when very much comes at once: rows in one transaction, viewers in one moment. */

import assert from "node:assert/strict";
import { createParser } from "eventsource-parser";
import { testServer } from "./postgres.ts";
import { metric, startTailpost, type TestTailpost } from "./server.ts";
import { openViewer } from "./sse.ts";

const server = await testServer();

/** Looks again and again how much memory the server takes. */
function watchMemory(tailpost: TestTailpost) {
  let over = false;
  const memory = { most: 0 };
  const watching = (async () => {
    while (!over) {
      memory.most = Math.max(memory.most, await metric(tailpost, "process_resident_memory_bytes"));
    }
  })().catch((error: unknown) => {
    if (!over) throw error;
  });
  return Object.assign(memory, {
    async [Symbol.asyncDispose]() {
      over = true;
      await watching;
    },
  });
}

const ROWS = 1_000_000;

const INSERTS = {
  "one INSERT of a million rows": (tailpost: TestTailpost) =>
    tailpost.sql`
      insert into logs (message, level)
      select 'row ' || n, case when n % 100 = 0 then 'error' else 'info' end from generate_series(1, ${ROWS}) as n`,
  "a thousand INSERTs of a thousand rows in one transaction": (tailpost: TestTailpost) =>
    tailpost.sql.begin(async (tx) => {
      for (let i = 0; i < ROWS; i += 1000) {
        await tx`
          insert into logs (message, level)
          select 'row ' || n, case when n % 100 = 0 then 'error' else 'info' end
          from generate_series(${i + 1}::integer, ${i + 1000}::integer) as n`;
      }
    }),
};

Deno.test("a million rows in one transaction: the newest come, the gap has the exact rest, memory is bounded", async (t) => {
  for (const [name, insert] of Object.entries(INSERTS)) {
    await t.step(name, async () => {
      await using tailpost = await startTailpost(server);
      const stream = `${tailpost.url}/api/logs/stream`;
      await using all = await openViewer(stream);
      await using errors = await openViewer(`${stream}?level=error`);
      await using some = await openViewer(`${stream}?q=/7$/`);
      await using memory = watchMemory(tailpost);
      await insert(tailpost);
      await tailpost.sql`insert into logs (message, level) values ('the last one, 7', 'error')`;
      const isLast = ({ message }: { message: string }) => message === "the last one, 7";
      for (const viewer of [all, errors, some]) {
        await viewer.until("the last one", ({ logs }) => logs.some(isLast), 120);
      }
      for (const [viewer, expected] of [[all, ROWS], [errors, ROWS / 100], [some, ROWS / 10]] as const) {
        const ids = new Set(viewer.logs.map(({ id }) => id));
        assert.equal(ids.size, viewer.logs.length, "none twice");
        const gaps = viewer.events.filter(({ event }) => event === "gap").map(({ data }) =>
          JSON.parse(data).missed
        );
        const missed = gaps.reduce((sum, missed) => sum + missed, 0);
        assert.ok(gaps.length <= 1 && ids.size >= Math.min(10_000, expected), `${gaps}, ${ids.size} logs`);
        assert.equal(ids.size + missed, expected + 1);
        // The newest came, all of them.
        const newest = viewer.logs.slice(-9000, -1).map(({ id }) => id);
        assert.deepEqual(newest, newest.toSorted((a, b) => a - b));
      }
      assert.ok(memory.most < 500e6, `${Math.round(memory.most / 1e6)} MB`);
    });
  }
});

const VIEWERS = 1000;
const FILTERS = ["", "level=error", "service=api", "q=log"];

/** A viewer that keeps no more than it must: its cursor, and how many logs it was sent since it came. */
class Returning {
  cursor: string | null = null;
  readonly seen = new Set<number>();
  #controller = new AbortController();
  #reading = Promise.resolve();

  constructor(readonly url: string) {}

  /** Opens the stream, resolves once a log with this message came. */
  async open(message: string): Promise<void> {
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    const headers: Record<string, string> = this.cursor === null ? {} : { "Last-Event-ID": this.cursor };
    const response = await fetch(this.url, { headers, signal });
    assert.equal(response.status, 200);
    const ready = Promise.withResolvers<void>();
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === "ready" && message === "") ready.resolve();
        if (event !== undefined) return;
        const log = JSON.parse(data);
        this.seen.add(log.id);
        if (log.message === message) ready.resolve();
      },
    });
    this.#reading = (async () => {
      const decoder = new TextDecoder();
      try {
        for await (const chunk of response.body ?? []) {
          const text = decoder.decode(chunk, { stream: true });
          parser.feed(text);
          this.cursor = [...text.matchAll(/^id: (.+)$/gmu)].at(-1)?.[1] ?? this.cursor;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    })();
    return ready.promise;
  }

  async leave(): Promise<void> {
    this.#controller.abort();
    await this.#reading;
  }
}

Deno.test("a thousand viewers that are cut off at once return with a handful of questions to the table", async (t) => {
  await using tailpost = await startTailpost(server);
  const viewers = Array.from(
    { length: VIEWERS },
    (_, i) => new Returning(`${tailpost.url}/api/logs/stream?${FILTERS[i % FILTERS.length]}`),
  );
  const insert = (message: string) =>
    tailpost.sql`insert into logs (message, level, service) values (${message}, 'error', 'api')`;
  await Promise.all(viewers.map((viewer) => viewer.open("")));
  await insert("log 0");
  const until = async (count: number) => {
    while (viewers.some(({ seen, cursor }) => seen.size < count || cursor === null)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await until(1);

  const cuts: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
    ["by the network", () => Promise.all(viewers.map((viewer) => viewer.leave())), () => Promise.resolve()],
    ["by the server's end", () => tailpost.stop("SIGTERM"), () => tailpost.start()],
    ["by the server's death", () => tailpost.stop("SIGKILL"), () => tailpost.start()],
  ];
  for (const [i, [how, cut, mend]] of cuts.entries()) {
    await t.step(how, async () => {
      await Promise.all([cut(), ...viewers.map((viewer) => viewer.leave().catch(() => {}))]);
      await insert(`log ${2 * i + 1}`);
      await mend();
      const before = await metric(tailpost, "tailpost_fetches_total");
      await Promise.all(viewers.map((viewer) => viewer.open(`log ${2 * i + 1}`)));
      await insert(`log ${2 * i + 2}`);
      await until(2 * i + 3);
      const fetches = await metric(tailpost, "tailpost_fetches_total") - before;
      assert.ok(fetches <= 2 * FILTERS.length, `${fetches} questions`);
    });
  }
  await Promise.all(viewers.map((viewer) => viewer.leave()));
});
