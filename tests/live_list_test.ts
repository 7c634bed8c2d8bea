// The list of the page: what stands before it and between its rows, and what waits while the reader reads.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type postgres from "postgres";
import { browserTest, wholeList } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

/** One statement: `#1` to `#count`, every tenth an error. */
async function insert(sql: postgres.Sql, from: number, to: number): Promise<void> {
  await sql`insert into logs (organization_id, level, service, message)
    select 1, case when n % 10 = 0 then 'error' else 'info' end, 'api', '#' || n
    from generate_series(${from}::int, ${to}::int) n order by n`;
}

const row = (page: Page, n: number) =>
  page.locator(".row", { has: page.getByText(`#${n}`, { exact: true }) });

/** The numbers of the rows that are drawn, in their order. */
const drawn = (page: Page) =>
  page.locator(".row-text").evaluateAll((rows) => rows.map((row) => Number(row.textContent?.slice(1))));

/** The numbers of all rows. */
const numbers = (page: Page) => wholeList(page, () => drawn(page));

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Waits until something holds, which is looked at again every frame. */
async function until(page: Page, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!await holds()) {
    assert.ok(Date.now() < deadline, "It did not come to hold within 20 s");
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

browserTest("scrolling up goes on into history, without a hole, a double or a jump", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(tailpost.sql, 1, 900);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, 900).waitFor();
  assert.deepEqual(await numbers(page), range(701, 900));
  await page.locator(".log").hover();

  // As soon as the top comes near there is more; what is in sight stays where it is.
  await page.keyboard.press("Home");
  await until(page, async () => ((await drawn(page))[0] ?? 701) < 701);
  assert.deepEqual(await numbers(page), range(451, 900));
  assert.ok(await row(page, 701).isVisible());
  const before = await row(page, 701).boundingBox();
  await insert(tailpost.sql, 901, 902);
  await page.locator(".pill", { hasText: "2 new" }).waitFor();
  assert.deepEqual(await row(page, 701).boundingBox(), before);

  for (const first of [201, 1]) {
    await page.keyboard.press("Home");
    await until(page, async () => await row(page, first + 249).count() > 0);
  }
  await page.keyboard.press("Home");
  await page.getByText("These are the first logs").waitFor();
  assert.deepEqual(await numbers(page), range(1, 902));
  await page.keyboard.press("End");
  await until(page, async () => (await drawn(page)).at(-1) === 902);
  assert.deepEqual(await numbers(page), range(403, 902), "back at the end it holds 500 again");
});

browserTest(
  "history goes by the filter, and what was cleared comes back only when asked for",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(tailpost.sql, 1, 3000);
    const page = await browser.open(`${tailpost.url}/logs/live?level=error`);
    await row(page, 3000).waitFor();
    await page.locator(".log").hover();
    await page.keyboard.press("Home");
    await page.getByText("These are the first logs").waitFor();
    assert.deepEqual(await numbers(page), range(1, 300).map((n) => n * 10));

    await page.getByRole("button", { name: "Clear list" }).click();
    await insert(tailpost.sql, 3001, 3010);
    await row(page, 3010).waitFor();
    await page.keyboard.press("Home");
    assert.deepEqual(await numbers(page), [3010]);
    await page.getByRole("button", { name: "Show what was cleared" }).click();
    await until(page, async () => (await numbers(page)).length === 251);
  },
);

browserTest("what a pause dropped loads back as the reader scrolls to it", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(tailpost.sql, 1, 20);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, 20).waitFor();
  await page.keyboard.press(" ");
  await insert(tailpost.sql, 21, 820);
  await page.locator(".pill", { hasText: "800 new" }).waitFor();
  await page.keyboard.press(" ");
  await row(page, 820).waitFor();
  const told = (count: number) =>
    wholeList(page, () => page.getByText(`${count} logs were not shown`).count()).then((rows) => rows === 1);
  assert.ok(await told(301));
  await page.locator(".log").hover();
  await page.keyboard.press("Home");
  await until(page, () => told(51));
  await page.keyboard.press("Home");
  await until(page, async () => await page.locator("[data-gap]").count() === 0);
  assert.deepEqual(await numbers(page), range(21, 820), "rows above the gap had to go");
});

browserTest("selected text stays where it is, and the tab says what waits", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(tailpost.sql, 1, 200);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, 200).waitFor();
  const plain = await page.title();
  await row(page, 195).locator(".row-text").dblclick();
  await page.locator(".pill").waitFor();
  const before = await row(page, 195).boundingBox();
  await insert(tailpost.sql, 201, 219);
  await page.locator(".pill", { hasText: "19 new" }).waitFor();
  assert.deepEqual(await row(page, 195).boundingBox(), before);
  assert.equal(await page.evaluate(() => getSelection()?.toString().trim()), "195");
  assert.equal(await page.title(), `(19, 1 error) ${plain}`);
  assert.match(await page.locator('link[rel="icon"]').getAttribute("href") ?? "", /favicon-errors\.svg$/u);

  // A tab that nobody looks at gets no frames, and goes on counting all the same.
  const other = await page.context().newPage();
  await other.bringToFront();
  await insert(tailpost.sql, 220, 221);
  await page.waitForFunction((title) => document.title === title, `(21, 2 errors) ${plain}`, {
    polling: 100,
  });
  await page.bringToFront();
  await page.keyboard.press("End");
  await until(page, async () => await page.title() === plain);
});
