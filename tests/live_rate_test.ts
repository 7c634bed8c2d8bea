// Logs over time, above the list: bars by level that go on with the stream, and lead to their time.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

const told = (page: Page, text: RegExp) => page.locator(".strip-told", { hasText: text });
const search = (page: Page) => decodeURIComponent(new URL(page.url()).search);

/** How many of the strip's pixels have a colour of the theme. */
async function pixels(page: Page, name: string): Promise<number> {
  return await page.locator(".strip canvas").evaluate((canvas, name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    canvas.parentElement?.append(probe);
    const wanted = getComputedStyle(probe).color.match(/\d+/gu)?.map(Number) ?? [];
    probe.remove();
    const context = (canvas as HTMLCanvasElement).getContext("2d");
    const { width, height } = canvas as HTMLCanvasElement;
    const data = context?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] === 255 && wanted.every((part, j) => Math.abs((data[i + j] ?? 0) - part) < 3)) found++;
    }
    return found;
  }, name);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!await holds()) {
    assert.ok(Date.now() < deadline, `Not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

browserTest(
  "the strip shows the last minutes by level, goes on with the stream, and narrows with the filter",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    // One a second over four minutes; each tenth is an error.
    await tailpost.sql`insert into logs (message, level, service, "timestamp")
    select 'message ' || n, case when n % 10 = 0 then 'error' else 'info' end, case when n % 2 = 0 then 'a' else 'b' end,
      now() - n * interval '1 second'
    from generate_series(239, 0, -1) as n`;
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await told(page, /240 logs, 24 errors in 5 min/u).waitFor();
    await until(
      "bars of both levels",
      async () => await pixels(page, "info") > 100 && await pixels(page, "error") > 20,
    );

    await tailpost.sql`insert into logs (message, level) values ('one more', 'error')`;
    await told(page, /241 logs, 25 errors in 5 min/u).waitFor();
    await page.getByRole("combobox", { name: "Filter" }).fill("service:b");
    await told(page, /120 logs in 5 min/u).waitFor();
    await until("no red", async () => await pixels(page, "error") === 0);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await told(page, /241 logs/u).waitFor();
    await page.getByLabel("How far back").selectOption("15");
    await told(page, /241 logs, 25 errors in 15 min/u).waitFor();

    // Another theme, other colours.
    await page.getByRole("button", { name: "Switch between dark and light" }).click();
    await until("the colours of the theme", async () => await pixels(page, "info") > 30);

    await page.getByRole("button", { name: "View", exact: true }).click();
    await page.getByRole("checkbox", { name: "Logs over time" }).uncheck();
    await page.locator(".strip").waitFor({ state: "detached" });
    await page.reload();
    await page.locator(".activity").waitFor();
    assert.equal(await page.locator(".strip").count(), 0);
  },
);

browserTest("a click, a drag or the keyboard in the strip goes to that time", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`insert into logs (message, "timestamp")
    select 'message ' || n, now() - n * interval '100 milliseconds' from generate_series(2399, 0, -1) as n`;
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await told(page, /2,400 logs in 5 min/u).waitFor();
  const chart = page.locator(".strip .u-over");
  const box = await chart.boundingBox();
  assert.ok(box);
  /** How many seconds before now the list was sent to. */
  const wentTo = async () => {
    await page.locator(".place-bar", { hasText: "Logs around" }).waitFor();
    const at = new URLSearchParams(new URL(page.url()).search).get("at");
    const row = page.locator('.rows .row[aria-selected="true"] time');
    const shown = await row.getAttribute("datetime") ?? "";
    assert.ok(Math.abs(Date.parse(shown) - Date.parse(at ?? "")) < 2000, `${shown} at ${at}`);
    return (Date.now() - Date.parse(at ?? "")) / 1000;
  };
  await page.mouse.move(box.x + box.width / 2, box.y + 10);
  await told(page, /20 info/u).waitFor();
  await page.mouse.down();
  await page.mouse.up();
  const clicked = await wentTo();
  assert.ok(clicked > 140 && clicked < 170, `${clicked} s ago`);

  await page.keyboard.press("End");
  await page.locator(".place-bar").waitFor({ state: "detached" });
  await page.mouse.move(box.x + box.width * 0.75, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 10, { steps: 5 });
  await page.mouse.up();
  const dragged = await wentTo();
  assert.ok(dragged > 65 && dragged < 100, `${dragged} s ago`);

  await page.getByRole("slider", { name: "Time to look at" }).focus();
  await page.keyboard.press("End");
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowLeft");
  assert.match(await page.getByRole("slider").getAttribute("aria-valuetext") ?? "", /20 info/u);
  await page.keyboard.press("Enter");
  const pressed = await wentTo();
  assert.ok(pressed > 18 && pressed < 45, `${pressed} s ago`);
  assert.match(search(page), /^\?at=/u);
});
