// The filter of the page as a person uses it: typed, completed, picked from rows and details, taken away, shared.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type postgres from "postgres";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

interface Given {
  readonly message: string;
  readonly level?: string;
  readonly service?: string;
  readonly metadata?: Record<string, postgres.JSONValue>;
}

async function insert(sql: postgres.Sql, ...logs: readonly Given[]): Promise<void> {
  for (const { message, level = "info", service = "api", metadata = {} } of logs) {
    await sql`insert into logs (message, level, service, metadata)
      values (${message}, ${level}, ${service}, ${sql.json(metadata)})`;
  }
}

const field = (page: Page) => page.getByRole("combobox", { name: "Filter" });
const row = (page: Page, text: string) => page.locator(".rows .row", { hasText: text });
const search = (page: Page) => decodeURIComponent(new URL(page.url()).search);
const remove = (page: Page, term: string) =>
  page.getByRole("button", { name: `Remove ${term}`, exact: true });
const messages = (page: Page) => page.locator(".rows .row-text").allInnerTexts();

/** Waits until the rows are exactly these. */
async function untilRows(page: Page, ...expected: string[]): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await messages(page);
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    if (Date.now() > deadline) assert.deepEqual(found, expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

browserTest(
  "the whole language is typed into one field, and the address says the same",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(
      tailpost.sql,
      { message: "card declined, timed out", level: "error", metadata: { user: 42 } },
      { message: "card declined, timeout", level: "error", service: "web", metadata: { user: 42 } },
      { message: "card declined, timeout", level: "error", metadata: { user: 43 } },
      { message: "card declined, timeout of healthz", level: "error", metadata: { user: 42 } },
      { message: "card declined, timeout", metadata: { user: 42 } },
      { message: "declined card timeout", level: "error", metadata: { user: 42 } },
    );
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await row(page, "declined card").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type(
      'level:error service:api,auth "card declined" /time(out|d out)/ -healthz meta.user=42',
    );
    await page.keyboard.press("Enter");
    await untilRows(page, "card declined, timed out");
    assert.equal(
      search(page),
      "?level=error&service=api,auth&q=card+declined&q=/time(out|d+out)/&not=healthz&meta.user=42",
    );
    const marks = page.locator(".rows mark");
    await marks.nth(1).waitFor();
    assert.deepEqual(await marks.allInnerTexts(), ["card declined", "timed out"]);
    assert.equal(
      await page.getByRole("button", { name: "error", exact: true }).getAttribute("aria-pressed"),
      "true",
    );

    // One entry of the history for what was typed in a row.
    await remove(page, "level:error").click();
    await untilRows(page, "card declined, timed out", "card declined, timeout");
    await page.goBack();
    await untilRows(page, "card declined, timed out");
    assert.match(await field(page).inputValue(), /^level:error /u);
    await page.goBack();
    await untilRows(
      page,
      ...["card declined, timed out", "card declined, timeout", "card declined, timeout"],
      ...["card declined, timeout of healthz", "card declined, timeout", "declined card timeout"],
    );
    assert.equal(await field(page).inputValue(), "");
    await page.goForward();
    await untilRows(page, "card declined, timed out");

    const copy = await browser.open(page.url());
    await untilRows(copy, "card declined, timed out");
    await insert(tailpost.sql, {
      message: "again: card declined, timeout",
      level: "error",
      service: "auth",
      metadata: { user: "42" },
    });
    await untilRows(copy, "card declined, timed out", "again: card declined, timeout");
    await copy.locator(".chips-clear").click();
    await row(copy, "declined card").waitFor();
    assert.equal(search(copy), "");
  },
);

browserTest("suggestions come from the logs, and are taken by keyboard", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(
    tailpost.sql,
    { message: "one", service: "my api", metadata: { region: "eu-west" } },
    { message: "two", service: "my api" },
    { message: "three", service: "worker" },
  );
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, "three").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("ser");
  const option = (name: string) => page.locator("#suggestions").getByRole("option", { name });
  await option("service:").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await field(page).inputValue(), "service:");
  // The most frequent first, with how many there are.
  await option("my api").waitFor();
  assert.match(await page.locator("#suggestions").innerText(), /my api\s+2\s+worker\s+1/u);
  assert.equal(await field(page).getAttribute("aria-expanded"), "true");
  await page.keyboard.press("ArrowDown");
  assert.equal(await field(page).getAttribute("aria-activedescendant"), "suggestion-0");
  await page.keyboard.press("Tab");
  assert.equal(await field(page).inputValue(), 'service:"my api" ');
  await page.keyboard.type("meta.reg");
  await option("meta.region=").click();
  await option("eu-west").click();
  await untilRows(page, "one");
  assert.equal(search(page), "?service=my+api&meta.region=eu-west");

  // Who types on before the page was painted types behind what was taken.
  await field(page).fill("ser");
  await option("service:").waitFor();
  await page.keyboard.press("ArrowDown");
  await field(page).evaluate(async (input) => {
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Tab", bubbles: true, cancelable: true }));
    for (const character of "work") {
      await Promise.resolve();
      document.execCommand("insertText", false, character);
    }
  });
  assert.equal(await field(page).inputValue(), "service:work");
  await field(page).fill('service:"my api" meta.region=eu-west ');
  await untilRows(page, "one");

  // Escape closes the list first, and then leaves the field.
  await page.keyboard.type("x");
  await page.keyboard.press("Backspace");
  await option("level:").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#suggestions").waitFor({ state: "hidden" });
  assert.ok(await field(page).evaluate((input) => input === document.activeElement));
  await page.keyboard.press("Escape");
  assert.ok(await field(page).evaluate((input) => input !== document.activeElement));

  // What was used is offered again.
  await page.locator(".chips-clear").click();
  await untilRows(page, "one", "two", "three");
  await field(page).click();
  await option('service:"my api" meta.region=eu-west').click();
  await untilRows(page, "one");
});

browserTest(
  "what cannot be understood is underlined, and the last good filter goes on",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(tailpost.sql, { message: "an error", level: "error" }, { message: "all is well" });
    const page = await browser.open(`${tailpost.url}/logs/live?level=error`);
    await untilRows(page, "an error");
    for (
      const [text, part, message] of [
        ["level:lod", "level:lod", /Unknown level "lod"/u],
        ['service:api "no end', '"no end', /closing " is missing/u],
        ["fine /(/", "/(/", /Not a regular expression/u],
      ] as const
    ) {
      await field(page).fill(text);
      await page.locator(".query-bad", { hasText: part }).waitFor();
      assert.match(await page.locator("#filter-problem").innerText(), message);
      assert.equal(await field(page).getAttribute("aria-invalid"), "true");
      assert.equal(search(page), "?level=error");
    }
    await insert(tailpost.sql, { message: "another error", level: "error" }, { message: "well, still" });
    await untilRows(page, "an error", "another error");
    await field(page).fill("well");
    await untilRows(page, "all is well", "well, still");
    assert.equal(await page.locator("#filter-problem").count(), 0);
  },
);

browserTest("values of rows and of the metadata are filtered by, and become columns", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(
    tailpost.sql,
    { message: "one", metadata: { user: { id: 42, name: "Ann" }, tags: ["a", "b"] } },
    { message: "two", service: "web", metadata: { user: { id: 43 } } },
    { message: "three", service: "web" },
  );
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, "three").waitFor();
  await row(page, "two").locator(".row-service").click();
  await page.getByRole("button", { name: "Without web" }).click();
  await untilRows(page, "one");
  assert.equal(search(page), "?not.service=web");
  await remove(page, "-service:web").click();
  await untilRows(page, "one", "two", "three");

  await row(page, "one").locator(".row-text").click();
  const details = page.locator(".details");
  await details.getByRole("button", { name: "42", exact: true }).click();
  await details.getByRole("button", { name: "Without 42" }).click();
  await untilRows(page, "two", "three");
  assert.equal(await field(page).inputValue(), "-meta.user.id=42");
  await details.getByRole("button", { name: "Only 42" }).click();
  await untilRows(page, "one");
  await details.getByRole("button", { name: "Any value" }).click();
  await untilRows(page, "one", "two", "three");

  await details.getByRole("button", { name: "Show as column" }).click();
  await page.locator('.rows .row-field[data-value="43"]').waitFor();
  assert.deepEqual(await page.locator(".rows .row-field").allInnerTexts(), ["42", "43", ""]);
  assert.match(search(page), /fields=user\.id/u);
  await insert(tailpost.sql, { message: "four", metadata: { user: { id: 44 } } });
  await row(page, "four").waitFor();
  assert.equal(await row(page, "four").locator(".row-field").innerText(), "44");

  await page.getByRole("button", { name: "Close details" }).click();
  await row(page, "two").locator(".row-field").click();
  await page.getByRole("button", { name: "Only 43" }).click();
  await untilRows(page, "two");
  assert.equal(search(page), "?fields=user.id&meta.user.id=43");

  await page.getByRole("button", { name: "View", exact: true }).click();
  await page.getByLabel("Field of the metadata to show as a column").fill("user.name");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove the column user.name" }).waitFor();
  await page.getByRole("button", { name: "Remove the column user.id" }).click();
  await page.keyboard.press("Escape");
  await page.locator(".chips-clear").click();
  await row(page, "one").waitFor();
  assert.equal(await row(page, "one").locator(".row-field").innerText(), "Ann");
  assert.equal(search(page), "?fields=user.name");
});
