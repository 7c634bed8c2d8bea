// Saved views and notifications as a person uses them.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

const menu = (page: Page) => page.getByRole("group", { name: "Saved views", exact: true });
const openMenu = (page: Page) => page.getByRole("button", { name: /^Saved views/u }).click();
const messages = (page: Page, count: number) =>
  page.waitForFunction(
    (count) => document.querySelectorAll('.rows .row[data-kind="log"], .rows .row-message').length === count,
    count,
  );

browserTest("a filter is saved, opened, changed and deleted, and shared", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`insert into logs (message, level, service)
    select 'message ' || n, case when n % 2 = 0 then 'error' else 'info' end, 'api' from generate_series(1, 10) as n`;
  const page = await browser.open(`${tailpost.url}/logs/live?level=error&fields=user`);
  await messages(page, 5);
  await openMenu(page);
  await menu(page).getByText("None yet").waitFor();
  const save = async (name: string, button = "Save") => {
    await menu(page).getByLabel("Name for this filter").fill(name);
    await menu(page).getByRole("button", { name: button, exact: true }).click();
    await menu(page).getByRole("button", { name: new RegExp(`^${name} `, "u") }).waitFor();
  };
  await save("Errors");
  await menu(page).getByText("level:error (columns user)").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("button", { name: /^Saved views/u }).textContent(), "Errors");

  // Another filter under the same name takes its place; markup in a name is text.
  await page.getByRole("combobox", { name: "Filter", exact: true }).fill("level:error message 4");
  await messages(page, 1);
  await openMenu(page);
  assert.equal(await menu(page).getByLabel("Name for this filter").inputValue(), "Errors");
  await save("Errors", "Replace");
  await page.keyboard.press("Escape");
  await page.getByRole("combobox", { name: "Filter", exact: true }).fill("service:api");
  await messages(page, 10);
  await openMenu(page);
  await menu(page).getByLabel("Name for this filter").fill("<b>All</b> of api");
  await menu(page).getByRole("button", { name: "Save", exact: true }).click();
  const all = menu(page).getByRole("button", { name: /^<b>All<\/b> of api /u });
  await all.waitFor();

  // Opened from the menu it is the address, and back leads back.
  await menu(page).getByRole("button", { name: /^Errors /u }).click();
  await messages(page, 1);
  assert.equal(new URL(page.url()).search, "?fields=user&level=error&q=message&q=4");
  await page.goBack();
  await messages(page, 10);

  // Another person sees it, in a page of their own.
  const other = await browser.open(`${tailpost.url}/logs/live`);
  await messages(other, 10);
  await openMenu(other);
  await menu(other).getByRole("button", { name: "Rename Errors" }).click();
  await menu(other).getByLabel("New name of Errors").fill("Fourth");
  await other.keyboard.press("Enter");
  await menu(other).getByRole("button", { name: /^Fourth /u }).waitFor();

  await openMenu(page);
  await menu(page).getByRole("button", { name: /^Fourth /u }).waitFor();
  await menu(page).getByRole("button", { name: "Delete Fourth" }).click();
  await menu(page).getByText("Fourth was deleted").waitFor();
  assert.equal(await menu(page).getByRole("button", { name: /^Fourth /u }).count(), 0);
  await menu(page).getByRole("button", { name: "Undo" }).click();
  await menu(page).getByRole("button", { name: /^Fourth /u }).waitFor();
  // A name that is taken.
  await menu(page).getByRole("button", { name: "Rename Fourth" }).click();
  await menu(page).getByLabel("New name of Fourth").fill("<b>All</b> of api");
  await page.keyboard.press("Enter");
  await menu(page).getByRole("alert").getByText("give another name").waitFor();
});

browserTest("a default view opens the page; all logs are one click away, and stay", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const { sql } = tailpost;
  await sql`insert into organizations (name) values ('other')`;
  await sql`insert into logs (message, level, organization_id)
    select 'message ' || n, case when n % 2 = 0 then 'error' else 'info' end, o
    from generate_series(1, 10) as n, generate_series(1, 2) as o`;
  const page = await browser.open(`${tailpost.url}/logs/live?level=error`);
  await messages(page, 5);
  await openMenu(page);
  await menu(page).getByLabel("Name for this filter").fill("Errors");
  await menu(page).getByRole("button", { name: "Save", exact: true }).click();
  const star = menu(page).getByRole("button", { name: "Open the page with Errors" });
  await star.click();
  await menu(page).locator('[aria-pressed="true"]').waitFor();

  await page.goto(`${tailpost.url}/`);
  await messages(page, 5);
  assert.equal(new URL(page.url()).search, "?level=error");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await messages(page, 10);
  assert.equal(new URL(page.url()).search, "?filter=");
  await page.reload();
  await messages(page, 10);
  await page.goBack();
  await messages(page, 5);
  // Another organization has none of it.
  await page.goto(`${tailpost.url}/logs/live?organizationId=2`);
  await messages(page, 10);
  await openMenu(page);
  await menu(page).getByText("None yet").waitFor();

  await page.goto(`${tailpost.url}/logs/live`);
  await messages(page, 5);
  await openMenu(page);
  await star.click();
  await menu(page).locator('[aria-pressed="false"]').waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await messages(page, 10);
  assert.equal(new URL(page.url()).search, "");
  // Without its database the page comes all the same.
  await sql`insert into tailpost_views (organization_id, name, query, is_default) values (1, 'd', 'level=info', true)
    on conflict do nothing`;
  await sql.begin(async (transaction) => {
    await transaction`lock table tailpost_views in access exclusive mode`;
    const response = await fetch(`${tailpost.url}/logs/live`);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  });
});

interface Told {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
}

browserTest("a tab that nobody looks at tells of errors", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const { sql } = tailpost;
  await sql`insert into logs (message, level) values ('old', 'error')`;
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await page.context().grantPermissions(["notifications"], { origin: tailpost.url });
  await page.context().addInitScript(() => {
    const told: unknown[] = [];
    const Real = Notification;
    const recorded = new Proxy(Real, {
      construct(target, [title, options]: [string, NotificationOptions]) {
        const shown = new target(title, options);
        told.push({ title, body: options.body, tag: options.tag, shown });
        return shown;
      },
    });
    Object.assign(globalThis, { told, Notification: recorded, looked: true });
    Object.defineProperty(document, "visibilityState", {
      get: () => (globalThis as unknown as { looked: boolean }).looked ? "visible" : "hidden",
    });
  });
  await page.reload();
  await messages(page, 1);
  await page.getByRole("button", { name: "Notifications", exact: true }).click();
  const choices = page.getByRole("group", { name: "Notifications", exact: true });
  await choices.getByLabel("Tell me while").check();
  await choices.getByLabel("Sound").check();
  const told = () =>
    page.evaluate(() =>
      (globalThis as unknown as { told: Told[] }).told.map(({ title, body, tag }) => ({ title, body, tag }))
    );
  await choices.getByRole("button", { name: "Try it" }).click();
  await page.waitForFunction(() => (globalThis as unknown as { told: Told[] }).told.length === 1);
  assert.match((await told())[0]?.body ?? "", /how a log is told of/u);
  await page.keyboard.press("Escape");
  const look = (isLookedAt: boolean) =>
    page.evaluate((isLookedAt) => Object.assign(globalThis, { looked: isLookedAt }), isLookedAt);

  await sql`insert into logs (message, level) values ('seen', 'error')`;
  await messages(page, 2);
  await look(false);
  await sql`insert into logs (message, level) values ('no error', 'warn'), (${"bad \u001b[31mnews"}, 'fatal')`;
  await page.waitForFunction(() => (globalThis as unknown as { told: Told[] }).told.length === 2);
  await sql`insert into logs (message, level) values ('a', 'error'), ('b', 'error')`;
  await page.waitForFunction(() => (globalThis as unknown as { told: Told[] }).told.length === 3);
  const [, first, summed] = await told();
  assert.deepEqual([first?.title, first?.body], ["fatal · default", "bad ␛[31mnews"]);
  assert.deepEqual([summed?.title, summed?.body], ["2 logs, 2 errors", "default: b"]);
  assert.equal(first?.tag, summed?.tag);
  await look(true);
  await page.evaluate(() => {
    const { told } = globalThis as unknown as { told: { shown: Notification }[] };
    told.at(-1)?.shown.onclick?.(new MouseEvent("click"));
  });
  await page.getByRole("complementary").getByText("b", { exact: true }).waitFor();
  // It is on for this tab, and off in the next.
  await page.reload();
  await page.locator('[title="Notifications: on in this tab"]').waitFor();
  const next = await page.context().newPage();
  await next.goto(`${tailpost.url}/logs/live`);
  await next.locator('[title="Notifications"]').waitFor();
});
