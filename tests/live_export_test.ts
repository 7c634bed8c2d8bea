// The export as a person uses it: the filter's logs as a file, with its progress, and cancelled.

import assert from "node:assert/strict";
import { parse as parseCsv } from "csv-parse/sync";
import type { Page } from "playwright-core";
import { browserTest } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

async function download(page: Page, start: () => Promise<void>) {
  const [file] = await Promise.all([page.waitForEvent("download"), start()]);
  return { name: file.suggestedFilename(), text: await Deno.readTextFile(await file.path()) };
}

browserTest("the logs of the filter and of a range are saved as a file", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await tailpost.sql`insert into logs (message, level, "timestamp")
    select 'message, "' || n || '"', case when n % 2 = 0 then 'error' else 'info' end, now() - n * interval '1 minute'
    from generate_series(119, 0, -1) as n`;
  const page = await browser.open(`${tailpost.url}/logs/live?level=error`);
  await page.locator(".rows .row").first().waitFor();
  await page.keyboard.press("e");
  const dialog = page.getByRole("dialog", { name: "Export logs" });
  await dialog.getByText("Filter: level:error").waitFor();
  const start = () => dialog.getByRole("button", { name: "Export", exact: true }).click();

  const hour = await download(page, start);
  assert.match(hour.name, /^tailpost-1-.*\.ndjson$/u);
  const logs = hour.text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(logs.length === 30 && logs.every(({ level }) => level === "error"), `${logs.length}`);
  await dialog.getByText(/was saved, [\d.]+ kB/u).waitFor();

  await dialog.getByLabel("CSV").check();
  await dialog.getByRole("button", { name: "All" }).click();
  const all = await download(page, start);
  const records: { message: string }[] = parseCsv(all.text, { columns: true });
  assert.equal(records.length, 60);
  assert.equal(records.at(-1)?.message, 'message, "0"');

  await dialog.getByLabel("From").fill("never");
  await dialog.getByText("Expected a time").waitFor();
  assert.ok(await dialog.getByRole("button", { name: "Export", exact: true }).isDisabled());
  await dialog.getByLabel("From").fill("10m ago");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await dialog.getByRole("button", { name: "Copy curl" }).click();
  await dialog.getByText("Copied").waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(
    command,
    /^curl -OJ 'http:\/\/127\.0\.0\.1:\d+\/api\/logs\/export\?level=error&format=csv&from=[^']+'$/u,
  );
});

browserTest(
  "an export shows how far it is, goes on behind the dialog, and is cancelled",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await tailpost.sql`alter table logs disable trigger logs_notify`;
    await tailpost
      .sql`insert into logs (message) select repeat('x', 10000) || n from generate_series(1, 10000) as n`;
    const page = await browser.open(`${tailpost.url}/logs/live`);
    // Slow enough to be seen.
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", {
      ...{ offline: false, latency: 0, downloadThroughput: 2_000_000, uploadThroughput: -1 },
    });
    const dialog = page.getByRole("dialog", { name: "Export logs" });
    await page.getByRole("button", { name: "Export logs" }).click();
    await dialog.getByRole("button", { name: "All" }).click();
    await dialog.getByRole("button", { name: "Export", exact: true }).click();
    await dialog.getByText(/MB.*, at \d{4}-/u).waitFor();
    const share = () => dialog.getByRole("progressbar").evaluate((bar) => (bar as HTMLProgressElement).value);
    const first = await share();
    assert.ok(first > 0 && first < 1);
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Export logs" }).click();
    await page.waitForFunction((first) => {
      const bar = document.querySelector<HTMLProgressElement>(".export-dialog progress");
      return bar !== null && bar.value > first;
    }, first);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.getByRole("progressbar").waitFor({ state: "detached" });
    // The server has its place back.
    const response = await fetch(`${tailpost.url}/api/logs/export?level=error`);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  },
);
