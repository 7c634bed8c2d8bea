// Ten tabs over HTTP/1.1, where a browser opens six connections.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();
const TABS = 10;

const messages = (page: Page) => page.locator(".rows .row-text").allInnerTexts();
const row = (page: Page, text: string) => page.locator(".rows .row", { hasText: text });

async function open(first: Page, url: (i: number) => string): Promise<Page[]> {
  const pages = [first];
  for (let i = 1; i < TABS; i++) {
    const page = await first.context().newPage();
    await page.goto(url(i));
    pages.push(page);
  }
  return pages;
}

browserTest(
  "ten tabs with the same filter are all live, share a stream, and lose nothing when one goes",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await tailpost.sql`insert into logs (message) values ('before all')`;
    const url = `${tailpost.url}/logs/live`;
    const pages = await open(await browser.open(url), () => url);
    await Promise.all(pages.map((page) => row(page, "before all").waitFor()));
    const viewers = async () => {
      const metrics = await fetch(`${tailpost.url}/metrics`).then((response) => response.text());
      return Number(/^tailpost_viewers(?:\{[^}]*\})? (\d+)/mu.exec(metrics)?.[1]);
    };
    const deadline = Date.now() + 20_000;
    while (await viewers() !== 1) {
      assert.ok(Date.now() < deadline, `${await viewers()} streams are left`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await tailpost.sql`insert into logs (message) values ('to all')`;
    await Promise.all(pages.map((page) => row(page, "to all").waitFor()));
    for (const page of pages) {
      assert.equal(await page.evaluate(() => fetch("/readyz").then(({ status }) => status)), 200);
    }

    // Whoever has the stream goes: the oldest, and then the next.
    for (const gone of pages.slice(0, 2)) {
      await Promise.all([gone.close(), tailpost.sql`insert into logs (message) values ('meanwhile')`]);
    }
    await tailpost.sql`insert into logs (message) values ('afterwards')`;
    await Promise.all(pages.slice(2).map((page) => row(page, "afterwards").waitFor()));
    for (const page of pages.slice(2)) {
      assert.deepEqual(await messages(page), [
        "before all",
        "to all",
        "meanwhile",
        "meanwhile",
        "afterwards",
      ]);
    }
  },
);

browserTest(
  "ten tabs with ten filters take turns: each gets its logs, without a hole or a double",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const url = (i: number) => `${tailpost.url}/logs/live?service=s${i}`;
    const pages = await open(await browser.open(url(0)), url);
    for (let round = 0; round < 3; round++) {
      await tailpost.sql`insert into logs (message, service)
      select 'round ' || ${round}::int, 's' || n from generate_series(0, ${TABS - 1}::int) as n`;
      for (const page of pages) {
        await row(page, `round ${round}`).waitFor();
        assert.equal(await page.evaluate(() => fetch("/readyz").then(({ status }) => status)), 200);
      }
    }
    for (const page of pages) assert.deepEqual(await messages(page), ["round 0", "round 1", "round 2"]);
  },
);
