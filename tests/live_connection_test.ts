// The page tells the truth about its connection, and makes it again.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

const chip = (page: Page, status: string) => page.locator(`.chip[data-status="${status}"]`);
const row = (page: Page, text: string) => page.locator(".rows .row", { hasText: text });
const FAST = { TAILPOST_HEARTBEAT_SECONDS: "1" };

/** A proxy of TCP that can stop passing on what the server writes, without closing anything. */
function startProxy(port: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.TcpConn>();
  const state = { holdsStreams: false, streams: 0 };
  const serve = async (client: Deno.TcpConn) => {
    connections.add(client);
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
    connections.add(upstream);
    let isStream = false;
    const decoder = new TextDecoder();
    const pass = async (from: Deno.TcpConn, to: Deno.TcpConn, isAnswer: boolean) => {
      const buffer = new Uint8Array(65_536);
      for (;;) {
        const size = await from.read(buffer).catch(() => null);
        if (size === null) break;
        if (!isAnswer && decoder.decode(buffer.subarray(0, size)).startsWith("GET /api/logs/stream")) {
          isStream = true;
          state.streams++;
        }
        if (isAnswer && isStream && state.holdsStreams) continue;
        const sent = await to.write(buffer.slice(0, size)).catch(() => null);
        if (sent === null) break;
      }
      for (const each of [from, to]) {
        if (connections.delete(each)) each.close();
      }
    };
    await Promise.all([pass(client, upstream, false), pass(upstream, client, true)]);
  };
  const serving = (async () => {
    const all: Promise<void>[] = [];
    for await (const client of listener) all.push(serve(client).catch(() => {}));
    await Promise.all(all);
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    state,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const each of connections) {
        connections.delete(each);
        each.close();
      }
      await serving.catch(() => {});
    },
  };
}

browserTest(
  "a stream that falls silent is made again, and no log of the meantime is missing",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server, { env: FAST });
    await using proxy = startProxy(Number(new URL(tailpost.url).port));
    const page = await browser.open(`${proxy.url}/logs/live`);
    await chip(page, "Live").waitFor();
    await tailpost.sql`insert into logs (message) values ('before')`;
    await row(page, "before").waitFor();
    proxy.state.holdsStreams = true;
    await tailpost.sql`insert into logs (message) values ('held back')`;
    await chip(page, "Reconnecting").waitFor();
    proxy.state.holdsStreams = false;
    await row(page, "held back").waitFor();
    await chip(page, "Live").waitFor();
    assert.equal(await row(page, "before").count(), 1);
  },
);

browserTest(
  "a proxy that holds the stream back is named, with a page that says how to mend it",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server, { env: FAST });
    await using proxy = startProxy(Number(new URL(tailpost.url).port));
    proxy.state.holdsStreams = true;
    const page = await browser.open(`${proxy.url}/logs/live`);
    await chip(page, "Buffered by a proxy").waitFor();
    const help = page.waitForEvent("popup");
    await page.getByRole("link", { name: "How to mend it" }).click();
    const opened = await help;
    await opened.getByRole("heading", { name: "nginx" }).waitFor();
    assert.match(await opened.locator("pre").first().innerText(), /proxy_buffering off/u);
    proxy.state.holdsStreams = false;
    await chip(page, "Live").waitFor();
  },
);

browserTest("the chip says how long nothing came, and wakes with the network", async (_t, browser) => {
  await using tailpost = await startTailpost(server, { env: FAST });
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await chip(page, "Live").waitFor();
  await tailpost.sql`insert into logs (message) values ('one')`;
  await row(page, "one").waitFor();
  await page.locator(".chip", { hasText: /Live\s*\d+ s ago/u }).waitFor();
  assert.match(
    await chip(page, "Live").getAttribute("title") ?? "",
    /The server was heard (?:now|\d+ s ago)/u,
  );

  await page.context().setOffline(true);
  await chip(page, "Offline").waitFor();
  await tailpost.sql`insert into logs (message) values ('two')`;
  await page.context().setOffline(false);
  await row(page, "two").waitFor();
  await chip(page, "Live").waitFor();
});
