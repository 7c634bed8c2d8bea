// Every page, with all that it can open, as axe (https://github.com/dequelabs/axe-core) sees it: in both themes and in high contrast.

import assert from "node:assert/strict";
import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";
import { makeToken } from "./tokens.ts";

const server = await testServer();

/** Theme and contrast. Everything but colours is the same in all of them. */
const LOOKS = [["dark", "standard"], ["light", "standard"], ["dark", "more"], ["light", "more"]] as const;

/** Fails with what axe finds, and where. */
async function assertAccessible(page: Page, state: string): Promise<void> {
  await page.evaluate(axe.source);
  const found: string[] = [];
  for (const [theme, contrast] of LOOKS) {
    const { violations } = await page.evaluate(async ([theme, contrast, isFirst]): Promise<AxeResults> => {
      Object.assign(document.documentElement.dataset, { theme, contrast });
      const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
      return await axe.run(isFirst ? {} : { runOnly: ["color-contrast"] });
    }, [theme, contrast, theme === "dark" && contrast === "standard"] as const);
    for (const { id, help, nodes } of violations) {
      const places = nodes.slice(0, 3).map(({ target, failureSummary }) => `${target}: ${failureSummary}`);
      found.push(`${theme}, ${contrast}: ${id} (${help}) at ${nodes.length}: ${places.join("; ")}`);
    }
  }
  assert.equal(found.join("\n"), "", state);
}

browserTest("axe finds nothing on the live page, whatever is open", async (t, browser) => {
  await using tailpost = await startTailpost(server);
  const { sql, url } = tailpost;
  const page = await browser.open(`${url}/logs/live`);
  const step = (state: string, open: () => Promise<unknown>, close?: () => Promise<unknown>) =>
    t.step(state, async () => {
      await open();
      await assertAccessible(page, state);
      await close?.();
    });
  const escape = () => page.keyboard.press("Escape");
  const click = (name: string) => page.getByRole("button", { name, exact: true }).click();

  await step("without logs", () => page.getByText("Waiting for the first log").waitFor());
  await sql`insert into logs (message, level, service, metadata)
    select case n % 4 when 0 then '{"order":' || n || '}' when 1 then ${"\u001b[31mred\u001b[0m\nat a\nat b"}
      else 'message ' || n end,
      (array['trace', 'debug', 'info', 'warn', 'error', 'fatal'])[n % 6 + 1], 'service ' || n % 12, '{"user":{"id":7}}'
    from generate_series(1, 60) as n`;
  await step(
    "with logs of all levels and services",
    () => page.locator(".row", { hasText: "message 59" }).waitFor(),
  );
  await step("details", async () => {
    await page.locator(".row", { hasText: "message 59" }).locator(".row-text").click();
    await page.locator(".details .message").waitFor();
  }, escape);
  await step("a menu of a value", () => page.locator(".row-service").last().click(), escape);
  await step("how rows look", () => click("View"), escape);
  await step("notifications", () => click("Notifications"), escape);
  await step("a filter that cannot be understood, with suggestions", async () => {
    await page.getByRole("combobox", { name: "Filter" }).fill("level:error -service:nobody level:");
    await page.locator("#suggestions [role=option]").first().waitFor();
  }, escape);
  await step("a problem, and the list that stays", async () => {
    await page.getByRole("combobox", { name: "Filter" }).fill("level:loud");
    await page.getByRole("alert").waitFor();
  });
  await step("nothing matches", async () => {
    await page.getByRole("combobox", { name: "Filter" }).fill("level:error nowhere");
    await page.getByText("Nothing matches").waitFor();
  }, () => page.getByRole("button", { name: "Clear filters" }).first().click());
  await step("saved views", async () => {
    await page.getByRole("combobox", { name: "Filter" }).fill("level:error");
    await click("Saved views");
    await page.getByLabel("Name for this filter").fill("Errors");
    await click("Save");
    await click("Rename Errors");
  }, escape);
  await page.keyboard.press("Escape");
  for (
    const [name, title] of [["Go to a time", "Go to a time"], ["Export logs", "Export logs"], [
      "Keyboard shortcuts",
      "Keyboard",
    ]] as const
  ) {
    await step(title, async () => {
      await click(name);
      await page.getByRole("dialog", { name: title }).waitFor();
    }, escape);
  }
  await step("another time, and logs that wait", async () => {
    await page.goto(`${url}/logs/3`);
    await page.locator(".place-bar").waitFor();
    await page.keyboard.press(" ");
    await sql`insert into logs (message, level) values ('waits', 'error')`;
    await page.locator(".pill", { hasText: "1 error" }).waitFor();
  });
  await step("a gap, and a server that is away", async () => {
    await page.goto(`${url}/logs/live`);
    await page.locator(".row", { hasText: "message 59" }).waitFor();
    await tailpost.stop("SIGKILL");
    await sql`insert into logs (message) select 'missed ' || n from generate_series(1, 12000) as n`;
    await page.locator('.chip[data-status="Reconnecting"]').waitFor();
    await assertAccessible(page, "reconnecting");
    await tailpost.start();
    await page.locator(".row", { hasText: "missed 12000" }).waitFor();
    await page.keyboard.press("Home");
    await page.locator(".row-gap").waitFor();
  });
});

browserTest("axe finds nothing where one signs in, nor on the other pages", async (t, browser) => {
  await using tailpost = await startTailpost(server, { args: ["--auth", "token"] });
  const page = await browser.open(`${tailpost.url}/login`);
  const token = await makeToken(tailpost.sql, { name: "an administrator", scope: "admin" });
  await t.step("signing in", () => assertAccessible(page, "signing in"));
  await t.step("a wrong token", async () => {
    await page.getByLabel("Token").fill("tp_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await assertAccessible(page, "a wrong token");
  });
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator('.chip[data-status="Live"]').waitFor();
  await t.step("the account", async () => {
    await page.locator(".account summary").click();
    await assertAccessible(page, "the account");
  });
  for (const path of ["/settings/tokens", "/help/proxies", "/nowhere", "/logs/live?level=loud"]) {
    await t.step(path, async () => {
      await page.goto(tailpost.url + path);
      await assertAccessible(page, path);
    });
  }
  await t.step("a new token", async () => {
    await page.goto(`${tailpost.url}/settings/tokens`);
    await page.getByLabel("Name").fill("a colleague");
    await page.getByRole("button", { name: /token/iu }).first().click();
    await page.locator("[data-secret]").waitFor();
    await assertAccessible(page, "a new token");
  });
});
