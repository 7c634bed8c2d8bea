/** `deno task screenshots`: takes the pictures of the docs from the running demo. */

import type { Page } from "playwright-core";
import { findBrowser, launch } from "../tests/browser.ts";
import { runTailpost } from "../tests/server.ts";

const images = new URL("images/", import.meta.url).pathname;
const SIZE = { width: 1280, height: 800 };

const path = findBrowser();
if (!path) throw new Error("No Chrome or Chromium was found: install one or set CHROME_PATH");
const dataDir = await Deno.makeTempDir({ prefix: "tailpost-screenshots-" });
await Deno.chmod(dataDir, 0o755);
const demo = runTailpost(["demo", "--port", "0"], { TAILPOST_DATA_DIR: dataDir });
try {
  const [, url = ""] = await demo.line(/Tailpost is ready at (\S+)/u);
  await using browser = await launch(path);
  const open = async (search = "", options: Parameters<typeof browser.open>[1] = {}) => {
    const page = await browser.open(`${url}/logs/live${search}`, {
      viewport: SIZE,
      colorScheme: "dark",
      timezoneId: "UTC",
      ...options,
    });
    page.setDefaultTimeout(120_000);
    return page;
  };
  const take = async (page: Page, name: string) => {
    // Where the mouse is nothing is lit up, and what fades in has done so.
    await page.mouse.move(SIZE.width / 2, 4);
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ ready }) => ready)));
    await page.screenshot({ path: `${images}${name}.png` });
  };
  const filter = (page: Page) => page.getByRole("combobox", { name: "Filter", exact: true });

  // Some minutes of the shop, with what goes wrong in them: something to look at.
  const live = await open();
  const first = async () => {
    const answer = await fetch(`${url}/api/logs?order=asc&limit=1`);
    return Date.parse((await answer.json()).logs[0]?.timestamp ?? "");
  };
  const since = await first();
  await live.waitForFunction((since) => Date.now() - since > 200_000, since, {
    timeout: 240_000,
    polling: 1000,
  });
  await live.getByText(/^500 of /u).waitFor();
  await live.locator(".row.level-error").last().waitFor();
  await take(live, "live");

  await filter(live).pressSequentially("level:error -service:ga");
  await live.locator("#suggestions [role=option]").first().waitFor();
  await take(live, "filter");
  await filter(live).fill('level:error,warn "after" -service:nginx');
  await live.keyboard.press("Enter");
  await live.locator(".row mark").last().waitFor();
  await take(live, "filtered");
  await live.getByRole("button", { name: /^Saved/u }).click();
  for (
    const [name, query] of [
      ["Errors of payments", "level=error,fatal&service=payments"],
      ["Slow queries", "q=slow&service=postgres&fields=duration_ms"],
      ["Without health checks", "not=healthz"],
    ]
  ) {
    const body = JSON.stringify({ name, query, isDefault: false });
    const headers = { "content-type": "application/json" };
    await (await fetch(`${url}/api/views`, { method: "POST", headers, body })).body?.cancel();
  }
  await live.keyboard.press("Escape");
  await live.getByRole("button", { name: /^Saved/u }).click();
  await live.getByText("Slow queries").waitFor();
  await live.getByLabel("Name for this filter").fill("Retries");
  await take(live, "views");
  await live.keyboard.press("Escape");

  const paused = await open();
  await paused.locator(".row.level-error").last().waitFor();
  await paused.keyboard.press(" ");
  await paused.locator(".pill-errors").waitFor();
  await take(paused, "paused");

  await paused.locator(".row.level-error .row-text").last().click();
  await paused.getByText("Copy JSON").waitFor();
  await take(paused, "details");

  const past = await open();
  await past.locator(".row").first().waitFor();
  await past.keyboard.press("t");
  await past.getByRole("textbox", { name: "Time", exact: true }).fill("90s ago");
  await past.keyboard.press("Enter");
  await past.locator(".place-bar").waitFor();
  await past.locator('.row[aria-selected="true"]').waitFor();
  await take(past, "past");

  const saved = await open("?level=error,fatal", { colorScheme: "light" });
  await saved.locator(".row").first().waitFor();
  await saved.keyboard.press("e");
  await saved.getByRole("dialog", { name: "Export logs" }).waitFor();
  await take(saved, "export");

  const narrow = await open("", { viewport: { width: 390, height: 780 }, colorScheme: "light" });
  await narrow.locator('[role="log"] >> text=gateway').last().waitFor();
  await take(narrow, "narrow");

  const contrast = await open("", { contrast: "more" });
  await contrast.locator(".row.level-error").last().waitFor();
  await take(contrast, "contrast");
} finally {
  await demo.end("SIGTERM");
  await Deno.remove(dataDir, { recursive: true });
}
