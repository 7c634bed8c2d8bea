// The past on the page: scrolled back to, jumped to by time, and linked to by a log.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type postgres from "postgres";
import { browserTest, wholeList } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

/** `count` logs, one a minute from noon on, UTC. */
async function insert(sql: postgres.Sql, from: number, count: number): Promise<void> {
  await sql`insert into logs (message, level, "timestamp")
    select 'message ' || n, case when n % 10 = 0 then 'error' else 'info' end,
      timestamptz '2026-01-31T12:00:00Z' + n * interval '1 minute'
    from generate_series(${from}::int, ${from + count - 1}::int) as n`;
}

const row = (page: Page, text: string) =>
  page.locator(".rows .row", { hasText: new RegExp(`${text}$`, "u") });
const search = (page: Page) => decodeURIComponent(new URL(page.url()).search);
const bar = (page: Page, text: string) => page.locator(".place-bar", { hasText: text });

/** The numbers of the messages in the list, in its order; what stands between them in brackets. */
async function numbers(page: Page): Promise<(number | string)[]> {
  return await wholeList(page, () =>
    page.locator(".rows > li").evaluateAll((rows) =>
      rows.map((row) => {
        const text = row.querySelector(".row-text")?.textContent ?? "";
        return /^message \d+$/u.test(text) ? Number(text.slice(8)) : `[${row.className}]`;
      })
    ));
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!await holds()) {
    assert.ok(Date.now() < deadline, `Not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Every number from the first to the last, once. */
function assertWhole(found: readonly (number | string)[]): void {
  const first = Number(found[0]);
  assert.deepEqual(found, found.map((_, i) => first + i));
}

browserTest(
  "scrolling up goes on into history while logs pour in, without a double or a hole",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(tailpost.sql, 0, 900);
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await row(page, "message 899").waitFor();
    await page.locator(".log").hover();
    let next = 900;
    await until("the first log", async () => {
      await page.mouse.wheel(0, -4000);
      await insert(tailpost.sql, next, 5);
      next += 5;
      return await row(page, "message 0").count() > 0;
    });
    await page.getByText("These are the first logs").waitFor();
    assertWhole(await numbers(page));
    await page.keyboard.press("End");
    await row(page, `message ${next - 1}`).waitFor();
    assertWhole(await numbers(page));
  },
);

browserTest(
  "a time is gone to by keyboard, read on from, and left for the live rows",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(tailpost.sql, 0, 2000);
    const page = await browser.open(`${tailpost.url}/logs/live`, { timezoneId: "UTC" });
    await row(page, "message 1999").waitFor();
    await page.keyboard.press("t");
    const dialog = page.getByRole("dialog", { name: "Go to a time" });
    await dialog.getByRole("textbox", { name: "Time", exact: true }).fill("when");
    await dialog.getByText("Expected a time").waitFor();
    // 600 minutes after noon.
    await dialog.getByRole("textbox", { name: "Time", exact: true }).fill("2026-01-31 22:00");
    await dialog.getByText("2026-01-31 22:00:00.000 +00:00").waitFor();
    await page.keyboard.press("Enter");
    await bar(page, "Logs around 2026-01-31 22:00:00.000").waitFor();
    assert.equal(search(page), "?at=2026-01-31T22:00:00.000Z");
    await page.locator('.row[aria-selected="true"]', { hasText: /message 600$/u }).waitFor();
    const place = await row(page, "message 600").boundingBox();
    assert.ok(place && place.y > 100 && place.y < 600, "it is in sight");
    const found = await numbers(page);
    assert.deepEqual(found.slice(0, 350), Array.from({ length: 350 }, (_, i) => 500 + i));
    assert.match(String(found[350]), /row-later/u);
    assert.equal(found.at(-1), 1999);

    // The stream goes on meanwhile.
    await insert(tailpost.sql, 2000, 3);
    await page.locator(".pill", { hasText: "3 new" }).waitFor();
    assert.deepEqual(await row(page, "message 600").boundingBox(), place, "nothing moves under the reader");

    // Up into what was before, and down to the present.
    await page.locator(".log").hover();
    await until("what was before", async () => {
      await page.mouse.wheel(0, -3000);
      return await row(page, "message 400").count() > 0;
    });
    await until("the live rows", async () => {
      await page.mouse.wheel(0, 6000);
      return await page.locator("[data-later]").count() === 0 && await row(page, "message 1999").count() > 0;
    });
    assertWhole(await numbers(page));
    await page.keyboard.press("End");
    await row(page, "message 2002").waitFor();
    await bar(page, "").waitFor({ state: "detached" });
    assert.equal(search(page), "");
    assertWhole(await numbers(page));

    // The address says the same, and back leaves it.
    await page.goto(`${tailpost.url}/logs/live?level=error&at=2026-01-31T22:05:00.000Z`);
    await page.locator('.row[aria-selected="true"]', { hasText: /message 610$/u }).waitFor();
    // Among the live rows already: they are all there is.
    assert.equal(await page.locator("[data-later]").count(), 0);
    await page.goto(`${tailpost.url}/logs/live`);
    await row(page, "message 2002").waitFor();
    await page.keyboard.press("t");
    await dialog.getByRole("button", { name: "1h ago" }).click();
    await bar(page, "No logs at or after").waitFor();
    await page.goBack();
    await bar(page, "").waitFor({ state: "detached" });
  },
);

browserTest(
  "a permanent link shows a log among those around it, whatever the filter",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(tailpost.sql, 0, 1000);
    const page = await browser.open(`${tailpost.url}/logs/401`);
    await page.locator(".details .message", { hasText: "message 400" }).waitFor();
    await page.locator('.row[aria-selected="true"]', { hasText: /message 400$/u }).waitFor();
    await bar(page, "Logs around log 401").waitFor();
    await insert(tailpost.sql, 1000, 50);
    await page.locator(".pill", { hasText: "50 new" }).waitFor();
    assert.ok((await row(page, "message 399").count()) + (await row(page, "message 401").count()) === 2);

    await page.locator(".rows").focus();
    await page.keyboard.press("j");
    await page.locator(".details .message", { hasText: "message 401" }).waitFor();
    await page.getByRole("button", { name: "Previous log" }).click();
    await page.locator(".details .message", { hasText: "message 400" }).waitFor();

    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy link" }).click();
    await page.locator(".details", { hasText: "Copied" }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${tailpost.url}/logs/401`);

    // From within a filter.
    await page.goto(`${tailpost.url}/logs/live?level=error`);
    await row(page, "message 990").click();
    await page.getByRole("button", { name: "Show around it" }).click();
    await row(page, "message 991").waitFor();
    await page.locator('.row[aria-selected="true"]', { hasText: /message 990$/u }).waitFor();
    assert.equal(search(page), "?log=991&at=log");

    await page.goto(`${tailpost.url}/logs/999999`);
    await page.getByText("This log is no longer in the database").waitFor();
    await bar(page, "No logs at or after log 999999").waitFor();
    await page.getByRole("button", { name: "Back to live" }).first().click();
    await bar(page, "").waitFor({ state: "detached" });

    const response = await fetch(`${tailpost.url}/logs/nothing`);
    assert.equal(response.status, 404);
    await response.body?.cancel();
  },
);
