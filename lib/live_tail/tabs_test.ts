import assert from "node:assert/strict";
import type { Heard } from "./source.ts";
import { createTabs, MOST_STREAMS, type TabChannel, TURN } from "./tabs.ts";

/** A browser with tabs, a clock and a server that is the test. */
function browser() {
  const timers = new Map<() => void, number>();
  let clock = 1000;
  const listeners = new Map<TabChannel, (event: { data: unknown }) => void>();
  const streams = new Set<Stream>();
  interface Stream {
    readonly tab: string;
    readonly url: string;
    readonly hear: (heard: Heard) => void;
  }

  function tab(name: string, isSeen = true) {
    const heard: string[] = [];
    const channel: TabChannel = {
      // As browsers do: to all others, and later.
      postMessage(word) {
        const copy = structuredClone(word);
        queueMicrotask(() => {
          for (const [other, listener] of listeners) if (other !== channel) listener({ data: copy });
        });
      },
      addEventListener: (_type, listener) => listeners.set(channel, listener),
      close: () => listeners.delete(channel),
    };
    const state = { isSeen };
    const tabs = createTabs({
      name,
      channel,
      scope: "me",
      now: () => clock,
      isSeen: () => state.isSeen,
      schedule(run, milliseconds) {
        timers.set(run, clock + milliseconds);
        return () => timers.delete(run);
      },
      open(url, hear) {
        const stream = { tab: name, url, hear };
        streams.add(stream);
        return () => streams.delete(stream);
      },
    });
    const open = (url: string) =>
      tabs.open(url, (what) => {
        if (what.kind !== "block") heard.push(what.kind);
        else heard.push(what.block.data ?? `id ${what.block.id}`);
      });
    return { tabs, open, heard, state };
  }

  const block = (event: string, data: string | null, id: string | null = null): Heard => ({
    kind: "block",
    block: { event, data, id },
  });
  return {
    tab,
    holders: () => [...streams].map(({ tab }) => tab),
    begin(name: string, organizationId = 1) {
      const stream = [...streams].find(({ tab }) => tab === name);
      stream?.hear(block("ready", JSON.stringify({ organizationId })));
      stream?.hear(block("message", "first"));
      stream?.hear(block("message", null, "1:1:"));
    },
    /** Every stream gets a log and its id. */
    log(text: string) {
      for (const { hear } of [...streams]) {
        hear(block("message", text));
        hear(block("message", null, text));
      }
    },
    end(name: string, heard: Heard) {
      for (const stream of [...streams].filter(({ tab }) => tab === name)) {
        streams.delete(stream);
        stream.hear(heard);
      }
    },
    async settle(milliseconds = 0) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      clock += milliseconds;
      for (const [run, at] of [...timers]) if (at <= clock && timers.delete(run)) run();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  };
}

Deno.test("createTabs() shares the oldest stream among tabs that want the same, and loses nothing on the way", async () => {
  const world = browser();
  const [a, b] = [world.tab("a"), world.tab("b")];
  a.open("/s?level=error&tail=200");
  world.begin("a");
  await world.settle(500);
  b.open("/s?tail=200&level=error");
  await world.settle();
  assert.deepEqual(world.holders(), ["a", "b"]);
  // What the other hears before the own stream has come so far is not lost when that is left.
  world.log("early");
  b.heard.splice(0);
  await world.settle();
  world.begin("b");
  await world.settle();
  assert.deepEqual(world.holders(), ["a"]);
  assert.ok(b.heard.includes("early"));
  b.heard.splice(0);
  world.log("later");
  await world.settle();
  assert.deepEqual(b.heard, ["later", "id later"]);

  // The tab with the stream goes.
  a.tabs.close();
  await world.settle();
  assert.deepEqual(b.heard.slice(2), ["moved"]);
  assert.deepEqual(world.holders(), []);
});

Deno.test("createTabs() shares nothing between other filters, organizations and people", async () => {
  const world = browser();
  const [a, b, c] = [world.tab("a"), world.tab("b"), world.tab("c")];
  a.open("/s?q=a");
  world.begin("a");
  b.open("/s?q=b");
  world.begin("b");
  c.open("/s?q=a");
  world.begin("c", 2);
  await world.settle(2000);
  assert.deepEqual(world.holders(), ["a", "b", "c"]);
});

Deno.test("createTabs() hands over where there are no first logs, and ten tabs come down to one stream", async () => {
  const world = browser();
  const tabs = Array.from({ length: 10 }, (_, i) => world.tab(`tab ${i}`));
  for (const [i, each] of tabs.entries()) {
    each.open("/s?tail=200");
    await world.settle(1);
    world.begin(`tab ${i}`);
  }
  await world.settle(1500);
  assert.deepEqual(world.holders(), ["tab 0"]);
  world.log("to all");
  await world.settle();
  for (const { heard } of tabs) assert.equal(heard.filter((what) => what === "to all").length, 1);
  // Its end is the end of all of them, and each opens its own again.
  world.end("tab 0", { kind: "lost" });
  await world.settle();
  assert.deepEqual(tabs.map(({ heard }) => heard.at(-1)), ["lost", ...tabs.slice(1).map(() => "moved")]);
});

Deno.test("createTabs() lets tabs that nobody looks at rest for others, and those in sight after their turn", async () => {
  const world = browser();
  const tabs = Array.from({ length: MOST_STREAMS }, (_, i) => world.tab(`tab ${i}`, i !== 2));
  for (const [i, each] of tabs.entries()) {
    each.open(`/s?q=${i}`);
    world.begin(`tab ${i}`);
  }
  await world.settle(500);
  assert.equal(world.holders().length, MOST_STREAMS);
  const next = world.tab("next");
  next.open("/s?q=next");
  await world.settle(500);
  await world.settle();
  assert.equal(tabs[2]?.heard.at(-1), "rested");
  assert.equal(world.holders().length, MOST_STREAMS);

  const last = world.tab("last");
  last.open("/s?q=last");
  await world.settle(500);
  assert.ok(world.holders().includes("tab 0"), "its turn is not over");
  await world.settle(TURN);
  assert.equal(tabs[0]?.heard.at(-1), "rested");
  assert.equal(world.holders().length, MOST_STREAMS);
});
