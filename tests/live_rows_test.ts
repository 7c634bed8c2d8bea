// How rows look: the View menu, colours of the terminal, JSON, lines and repeats that are folded, and the menus on values.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type postgres from "postgres";
import { browserTest, wholeList } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

interface Given {
  readonly message: string;
  readonly level?: string;
  readonly service?: string;
  readonly timestamp?: string;
}

async function insert(sql: postgres.Sql, ...logs: readonly Given[]): Promise<void> {
  for (const { message, level = "info", service = "api", timestamp = "2026-01-31T12:00:00.123Z" } of logs) {
    await sql`insert into logs (message, level, service, "timestamp") values (${message}, ${level}, ${service}, ${timestamp})`;
  }
}

const row = (page: Page, text: string) => page.locator(".rows .row", { hasText: text });
const live = (page: Page) => page.locator('.chip[data-status="Live"]').waitFor();

browserTest("the View menu changes rows, and is remembered", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(tailpost.sql, { message: "the first " + "word ".repeat(100) });
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, "the first").waitFor();
  const height = async () => (await row(page, "the first").boundingBox())?.height ?? 0;
  const low = await height();

  const menu = page.getByRole("button", { name: "View", exact: true });
  await menu.click();
  await page.getByLabel("UTC").check();
  assert.match(await row(page, "the first").locator("time").innerText(), /12:00:00[.,]123Z$/u);
  await page.getByLabel("Milliseconds").uncheck();
  assert.match(await row(page, "the first").locator("time").innerText(), /12:00:00Z$/u);
  await page.getByLabel("Relative").check();
  assert.match(await row(page, "the first").locator("time").innerText(), /^\d+ ?(?:d|mo|y|h)/u);
  await page.getByLabel("UTC").check();
  await page.getByLabel("Wrap long messages").check();
  assert.ok(await height() > low, "the message goes on in the next line");
  await page.getByLabel("Service", { exact: true }).last().uncheck();
  await row(page, "the first").locator(".row-service").waitFor({ state: "hidden" });
  await page.keyboard.press("Escape");
  assert.equal(await menu.getAttribute("aria-expanded"), "false");
  assert.ok(
    await menu.evaluate((button) => button === document.activeElement),
    "the focus is back on the button",
  );

  await page.reload();
  await row(page, "the first").waitFor();
  assert.match(await row(page, "the first").locator("time").innerText(), /12:00:00Z$/u);
  assert.ok(await height() > low);
  assert.ok(await row(page, "the first").locator(".row-service").isHidden());
});

browserTest("the list keeps as many rows as the reader chooses", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await page.getByRole("button", { name: "View", exact: true }).click();
  await page.getByLabel("Keep the newest").selectOption("1000");
  await tailpost.sql`insert into logs (message) select 'row ' || n from generate_series(1, 1200) as n`;
  await row(page, "row 1200").waitFor();
  const count = () => wholeList(page, () => page.locator(".rows .row-text").count());
  assert.equal(await count(), 1000);
  await page.getByLabel("Keep the newest").selectOption("500");
  await insert(tailpost.sql, { message: "one more" });
  await row(page, "one more").waitFor();
  assert.equal(await count(), 500);
});

browserTest("colours of a terminal are shown as colours, and nothing else of it", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await insert(tailpost.sql, {
    message: "\x1b[31mred\x1b[0m and \x1b[1mbold\x1b[0m \x1b]0;title\x07\x1b[2J<b>no tag</b>",
  });
  const text = row(page, "red and bold").locator(".row-text");
  await text.waitFor();
  const shown = await text.innerText();
  assert.doesNotMatch(shown, /\[31m|\[0m/u);
  assert.ok(!shown.includes("\x1b"));
  assert.match(shown, /<b>no tag<\/b>/u);
  const colour = (word: string) =>
    text.getByText(word, { exact: true }).evaluate((part) => {
      const { color, fontWeight } = getComputedStyle(part);
      return { color, fontWeight };
    });
  const plain = await text.evaluate((element) => getComputedStyle(element).color);
  assert.notEqual((await colour("red")).color, plain);
  assert.ok(Number((await colour("bold")).fontWeight) >= 600);
});

browserTest("JSON and stack traces are one line until they are asked for", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await insert(
    tailpost.sql,
    { message: '{"event":"paid","order":{"id":7}}' },
    { message: "Error: boom\n    at first (a.js:1)\n    at second (b.js:2)" },
  );
  const json = row(page, '"paid"');
  await json.waitFor();
  assert.doesNotMatch(await json.locator(".row-text").innerText(), /\n/u);
  await json.locator("[data-toggle=lines]").click();
  assert.match(await json.locator(".row-text").innerText(), /"order": \{\n\s+"id": 7/u);
  await json.locator("[data-toggle=lines]").click();
  assert.doesNotMatch(await json.locator(".row-text").innerText(), /\n/u);

  const trace = row(page, "Error: boom");
  assert.equal(await trace.locator(".row-text").innerText(), "Error: boom");
  assert.equal(await trace.locator("[data-toggle=lines]").innerText(), "+2 lines");
  await trace.locator("[data-toggle=lines]").click();
  assert.match(await trace.locator(".row-text").innerText(), /at second \(b\.js:2\)/u);
  // By the keyboard too.
  await trace.locator("time").click();
  await page.keyboard.press("f");
  await page.locator(".row[aria-selected=true] [data-toggle=lines]", { hasText: "+2 lines" }).waitFor();
});

browserTest("repeats become one row with their count when they are folded", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await insert(tailpost.sql, ...Array.from({ length: 5 }, () => ({ message: "still waiting" })), {
    message: "something else",
  });
  await row(page, "something else").waitFor();
  assert.equal(await row(page, "still waiting").count(), 5);
  await page.getByRole("button", { name: "View", exact: true }).click();
  await page.getByLabel("Fold repeated logs").check();
  await page.keyboard.press("Escape");
  await row(page, "×5").waitFor();
  assert.equal(await row(page, "still waiting").count(), 1);
  await row(page, "×5").locator("[data-toggle=repeats]").click();
  await row(page, "still waiting").nth(4).waitFor();
  await row(page, "still waiting").first().locator("[data-toggle=repeats]").click();
  await row(page, "still waiting").nth(1).waitFor({ state: "detached" });
  await insert(tailpost.sql, { message: "something else" }, { message: "something else" });
  await row(page, "×3").waitFor();
});

browserTest("a click on a value shows it alone, or leaves it out", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await insert(
    tailpost.sql,
    { message: "a debug line", level: "debug", service: "worker" },
    { message: "an error line", level: "error", service: "api" },
  );
  await row(page, "an error line").locator(".row-level").click();
  await page.getByRole("button", { name: "Only error" }).click();
  await page.waitForURL(/level=error/u);
  await row(page, "a debug line").waitFor({ state: "detached" });
  await page.goBack();
  await row(page, "a debug line").waitFor();
  await row(page, "a debug line").locator(".row-level").click();
  await page.getByRole("button", { name: "Without debug" }).click();
  await row(page, "a debug line").waitFor({ state: "detached" });
  await row(page, "an error line").waitFor();
  await row(page, "an error line").locator(".row-service").click();
  await page.getByRole("button", { name: "Only api" }).click();
  await page.waitForURL(/service=api/u);
  await row(page, "an error line").waitFor();
});
