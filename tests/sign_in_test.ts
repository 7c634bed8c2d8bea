// Signing in, watching and signing out, in a real browser.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { insertToken } from "../lib/auth/token_store.ts";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost, type TestTailpost } from "./server.ts";

const server = await testServer();
const TOKENS = { args: ["--auth", "token"] };

async function reader(tailpost: TestTailpost): Promise<string> {
  const { text } = await insertToken(tailpost.sql, {
    organizationId: 1,
    name: "a reader",
    scope: "read",
    expiresIn: null,
  });
  return text;
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const pathOf = (page: Page) => new URL(page.url()).pathname + new URL(page.url()).search;

browserTest("sign in, watch, be signed out and sign out", async (_t, browser) => {
  await using tailpost = await startTailpost(server, TOKENS);
  const token = await reader(tailpost);
  const page = await browser.open(`${tailpost.url}/logs/live?level=error`);
  assert.equal(pathOf(page), "/login?next=%2Flogs%2Flive%3Flevel%3Derror");
  await signIn(page, "tp_wrong");
  await page.getByRole("alert").waitFor();
  await signIn(page, token);
  await page.locator('.chip[data-status="Live"]').waitFor();
  assert.equal(pathOf(page), "/logs/live?level=error");
  await tailpost.sql`insert into logs (message, level) values ('for whom may see it', 'error')`;
  await page.locator(".row", { hasText: "for whom may see it" }).waitFor();

  // Revoked: the stream ends, and the page leads back to where it was.
  await tailpost.sql`update tailpost_tokens set revoked_at = now()`;
  await page.locator('.chip[data-status="Signed out"]').waitFor();
  await page.getByRole("link", { name: "Sign in" }).click();
  await signIn(page, await reader(tailpost));
  await page.locator('.chip[data-status="Live"]').waitFor();
  assert.equal(pathOf(page), "/logs/live?level=error");

  await page.locator(".account summary").click();
  assert.equal(await page.getByRole("link", { name: "Tokens" }).count(), 0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  await page.goto(`${tailpost.url}/logs/live`);
  assert.equal(pathOf(page), "/login?next=%2Flogs%2Flive");
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with" : "without";
  browserTest(`the first administrator makes a token for others, ${how} JavaScript`, async (_t, browser) => {
    await using tailpost = await startTailpost(server, TOKENS);
    const link = /http:\S+\/login\?code=\w+/u;
    while (!link.test(tailpost.output())) await (await fetch(`${tailpost.url}/healthz`)).text();
    const page = await browser.open(link.exec(tailpost.output())?.[0] ?? "", { javaScriptEnabled });
    await page.getByRole("button", { name: "Sign in" }).click();
    const own = await page.locator("[data-secret]").innerText();
    await page.getByRole("link", { name: "Tokens for others" }).click();
    await page.getByLabel("Name").fill("a colleague");
    await page.getByLabel("Scope").selectOption("read");
    await page.getByRole("button", { name: "Make a token" }).click();
    const theirs = await page.locator("[data-secret]").innerText();
    assert.notEqual(theirs, own);
    await page.getByRole("button", { name: "Sign out" }).click();

    await signIn(page, theirs);
    await page.waitForURL(`${tailpost.url}/logs/live`);
    const answer = await page.goto(`${tailpost.url}/settings/tokens`);
    assert.equal(answer?.status(), 403);
    await page.context().clearCookies();

    await page.goto(`${tailpost.url}/login?next=/settings/tokens`);
    await signIn(page, own);
    await page.getByRole("button", { name: "Revoke a colleague" }).click();
    await page.getByText(/^revoked /u).waitFor();
  });
}

/** An address of this machine that is not the loopback's: no browser trusts plain HTTP there. */
const address = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !address.startsWith("127.")
)?.address;

if (address !== undefined) {
  browserTest("forms work on a host that browsers do not trust", async (_t, browser) => {
    await using tailpost = await startTailpost(server, { args: ["--auth", "token", "--host", "0.0.0.0"] });
    const page = await browser.open(`http://${address}:${new URL(tailpost.url).port}/login`);
    await signIn(page, await reader(tailpost));
    await page.locator('.chip[data-status="Live"]').waitFor();
    await page.locator(".account summary").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
  });
}
