import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import type postgres from "postgres";
import { browserTest, wholeList } from "./browser.ts";
import { testServer } from "./postgres.ts";
import { startTailpost } from "./server.ts";

const server = await testServer();

interface Row {
  readonly level?: string;
  readonly service?: string;
  readonly message: string;
}

async function insert(sql: postgres.Sql, ...rows: Row[]): Promise<void> {
  const filled = rows.map((row) => ({ organization_id: 1, level: "info", service: "api", ...row }));
  await sql`insert into logs ${sql(filled, "organization_id", "level", "service", "message")}`;
}

const numbered = (from: number, to: number, row: Partial<Row> = {}): Row[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ message: `message ${from + i}`, ...row }));

const chip = (page: Page, status: string) => page.locator(`.chip[data-status="${status}"]`);
const row = (page: Page, text: string) => page.locator(".row", { hasText: text });
const live = (page: Page) => chip(page, "Live").waitFor();

/** Waits until something read from the page is as expected. */
async function until<T>(read: () => Promise<T>, expected: T): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await read();
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    if (Date.now() > deadline) assert.deepEqual(found, expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const filterField = (page: Page) => page.getByRole("combobox", { name: "Filter" });
const search = (page: Page) => new URL(page.url()).search;
const topOf = async (locator: Locator) => (await locator.boundingBox())?.y;

browserTest("/logs/live shows a row the moment its transaction commits", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(tailpost.url);
  assert.equal(new URL(page.url()).pathname, "/logs/live");
  await live(page);
  await page.getByText("Waiting for the first log").waitFor();
  assert.match(
    await page.locator(".snippet").first().innerText(),
    new RegExp(`curl ${tailpost.url}/api/logs`),
  );

  await insert(tailpost.sql, { message: "Hello live tail", level: "warn", service: "billing" });
  const shown = row(page, "Hello live tail");
  await shown.waitFor();
  assert.match(await shown.innerText(), /WRN\s+billing\s+Hello live tail/);
});

browserTest("/logs/live shows markup, controls and directions in a log as text", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  const markup = "<script>alert(1)</script><img src=x onerror=alert(1)>";
  page.on("dialog", () => assert.fail("A log ran as a script"));
  await insert(
    tailpost.sql,
    { message: markup, service: "<b>bold</b>" },
    { message: "\u001b[31mred\u001b[0m and \u202eturned\u0007" },
    { message: "TypeError: x is undefined\n    at a\n    at b" },
  );
  await row(page, "TypeError").waitFor();
  assert.equal(await row(page, "alert(1)").locator(".row-text").innerText(), markup);
  assert.equal(await row(page, "alert(1)").locator(".row-service").innerText(), "<b>bold</b>");
  assert.equal(await row(page, "turned").locator(".row-text").innerText(), "red and <U+202E>turned␇");
  assert.match(await row(page, "TypeError").innerText(), /\+2 lines/);
  assert.equal(await page.locator(".rows script, .rows img, .rows b").count(), 0);
});

browserTest("the filters change the address and the stream, and back undoes them", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(
    tailpost.sql,
    { message: "all is well" },
    { message: "it broke", level: "error", service: "worker" },
  );
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, "all is well").waitFor();

  await page.getByRole("button", { name: "error", exact: true }).click();
  await until(() => row(page, "all is well").count(), 0);
  await row(page, "it broke").waitFor();
  assert.equal(search(page), "?level=error");

  await filterField(page).fill("level:error timeout");
  await page.getByText("Nothing matches so far").waitFor();
  assert.equal(search(page), "?level=error&q=timeout");
  await insert(tailpost.sql, { message: "a Timeout, calmly" }, { message: "TIMEOUT", level: "error" });
  await row(page, "TIMEOUT").waitFor();
  assert.equal(await page.locator(".row").count(), 1);
  assert.equal(await page.locator("mark").innerText(), "TIMEOUT");

  await page.goBack();
  await until(() => Promise.resolve(search(page)), "?level=error");
  await row(page, "it broke").waitFor();
  assert.equal(await filterField(page).inputValue(), "level:error");

  await page.getByRole("button", { name: "Clear filters" }).click();
  await row(page, "all is well").waitFor();
  assert.equal(search(page), "");

  await filterField(page).fill("-well");
  await until(() => row(page, "all is well").count(), 0);
  assert.equal(search(page), "?not=well");
  await filterField(page).fill("-well service:worker");
  await until(() => page.locator(".row").count(), 1);
  await row(page, "it broke").waitFor();
  assert.equal(search(page), "?not=well&service=worker");

  const copy = await browser.open(page.url());
  await row(copy, "it broke").waitFor();
  assert.equal(await filterField(copy).inputValue(), "service:worker -well");
});

browserTest(
  "a bad filter is explained beside its field, by the page and by the server",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const page = await browser.open(`${tailpost.url}/logs/live?level=loud`);
    await page.locator(".field-filter .problem", { hasText: 'Unknown level "loud"' }).waitFor();
    await chip(page, "Not streaming").waitFor();

    await page.getByRole("button", { name: "Clear filters" }).first().click();
    await live(page);
    await page.goto(`${tailpost.url}/logs/live?q=/(/`);
    await page.locator(".field-filter .problem", { hasText: "regular expression" }).waitFor();
    await chip(page, "Not streaming").waitFor();

    await filterField(page).fill("/(a|b)/");
    await live(page);
    assert.equal(await page.locator(".problem").count(), 0);
  },
);

browserTest("a reader who scrolled away is not moved, and returns with End", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(tailpost.sql, ...numbered(1, 200));
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, "message 200").waitFor();

  const log = page.locator(".log");
  const scrolled = () => log.evaluate((element) => element.scrollTop);
  const start = await scrolled();
  await log.hover();
  await page.mouse.wheel(0, -1200);
  await until(scrolled, start - 1200);
  await page.locator(".pill").waitFor();
  const anchor = page.locator(".row", { hasText: /message 140$/ });
  const top = await topOf(anchor);

  // More than the list holds: rows must go at the top, and then wait.
  await insert(tailpost.sql, ...numbered(201, 600), ...numbered(601, 603, { level: "error" }));
  await page.locator(".pill", { hasText: "403 new" }).waitFor();
  await page.locator(".pill", { hasText: "3 errors" }).waitFor();
  await insert(tailpost.sql, ...numbered(604, 1203));
  await page.locator(".pill", { hasText: "1,003 new" }).waitFor();
  assert.equal(await topOf(anchor), top);
  assert.equal(await wholeList(page, () => page.locator(".row").count()), 500);
  assert.equal(await topOf(anchor), top);

  await page.keyboard.press("End");
  await row(page, "message 1203").waitFor();
  await until(() => page.locator(".pill").count(), 0);
  assert.ok(await wholeList(page, () => page.locator(".row").count()) <= 500);
  await insert(tailpost.sql, { message: "live again" });
  await row(page, "live again").waitFor();
  await until(() => log.evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight), 0);
});

browserTest(
  "a window or a filter that leaves the list more room is nobody who scrolls",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    await insert(tailpost.sql, ...numbered(1, 100), ...numbered(1, 3, { level: "error" }));
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await row(page, "message 100").waitFor();
    for (const height of [500, 700, 450, 900]) {
      await page.setViewportSize({ width: 1280, height });
      await insert(tailpost.sql, { message: `at ${height} pixels` });
      await row(page, `at ${height} pixels`).waitFor();
      await page.evaluate(() => new Promise(requestAnimationFrame));
      assert.equal(await page.locator(".pill").count(), 0, `${height}`);
    }
    // What is above the list gets lower, and a script asks for the layout: the browser scrolls, and tells so before anything else.
    const isTaken = await page.evaluate(async () => {
      let isTaken = false;
      new MutationObserver(() => isTaken ||= document.querySelector(".pill") !== null)
        .observe(document.body, { childList: true, subtree: true });
      const bar = document.querySelector<HTMLElement>(".filters");
      for (const height of ["200px", "", "300px", ""]) {
        // Before a frame, not in one: there the list itself would be told first.
        await new Promise((resolve) => setTimeout(resolve));
        if (bar) bar.style.height = height;
        void document.querySelector(".log")?.scrollHeight;
        for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);
      }
      return isTaken;
    });
    assert.ok(!isTaken, "for somebody who scrolls");
    await filterField(page).pressSequentially("level:error");
    await until(() => page.locator(".row").count(), 3);
    await page.getByRole("button", { name: "Remove level:error" }).click();
    await row(page, "at 900 pixels").waitFor();
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assert.equal(await page.locator(".pill").count(), 0);
  },
);

browserTest("pause stops the list, counts what waits and says what it dropped", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await insert(tailpost.sql, { message: "before" });
  await row(page, "before").waitFor();
  await page.keyboard.press(" ");
  await insert(tailpost.sql, ...numbered(1, 1000));
  await page.locator(".pill", { hasText: "1,000 new" }).waitFor();
  assert.equal(await page.locator(".row").count(), 1);
  await page.locator(".pill", { hasText: "501 will not be shown" }).waitFor();
  await page.keyboard.press(" ");
  await row(page, "message 1000").waitFor();
  assert.equal(await wholeList(page, () => row(page, "501 logs were not shown").count()), 1);
  await page.getByRole("button", { name: "Clear list" }).click();
  await page.getByText("All clear").waitFor();
});

browserTest("details show the whole of a truncated log, by mouse and by keyboard", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const message = `begins ${"x".repeat(5000)} ends`;
  await tailpost.sql`insert into logs (organization_id, service, level, message, metadata)
    values (1, 'api', 'error', ${message}, ${tailpost.sql.json({ user: { id: 7 } })})`;
  await insert(tailpost.sql, { message: "another one" });
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await row(page, "begins").locator(".row-mark", { hasText: "truncated" }).waitFor();
  await row(page, "begins").click();
  await until(() => page.locator(".details .message").innerText(), message);
  assert.match(await page.locator(".details .tree").first().innerText(), /^user:? \{1\}\s+id:? 7$/u);
  assert.equal(await page.locator('.row[aria-selected="true"]').count(), 1);
  assert.equal(search(page), "?log=1");

  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator(".details").getByRole("button", { name: "Copy curl" }).click();
  await page.locator(".details", { hasText: "Copied" }).waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(command, /^curl '[^']+'$/u);
  const answer = await fetch(command.slice("curl '".length, -1), { signal: AbortSignal.timeout(20_000) });
  assert.equal((await answer.json()).message, message);

  await page.keyboard.press("j");
  await until(() => page.locator(".details .message").innerText(), "another one");
  await insert(tailpost.sql, { message: "the list goes on" });
  await row(page, "the list goes on").waitFor({ state: "attached" });
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".details").count(), 0);
  await page.keyboard.press("Enter");
  await page.locator(".details .message").waitFor();

  await tailpost.sql`delete from logs where id = 1`;
  await row(page, "begins").click();
  await page.locator(".details", { hasText: "no longer in the database" }).waitFor();
});

browserTest(
  "the chip tells of a server restart, and no log of the meantime is missing",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await live(page);
    await insert(tailpost.sql, { message: "before the restart" });
    await row(page, "before the restart").waitFor();
    await tailpost.stop();
    await chip(page, "Reconnecting").waitFor();
    await insert(tailpost.sql, ...numbered(1, 300));
    await tailpost.start();
    await live(page);
    await row(page, "message 300").waitFor();
    const shown = await wholeList(page, () => page.locator(".row-text").allTextContents());
    assert.deepEqual(shown, ["before the restart", ...numbered(1, 300).map(({ message }) => message)]);
  },
);

browserTest("the chip tells of a lost database, and recovers with it", async (_t, browser) => {
  await using own = await testServer();
  await using tailpost = await startTailpost(own);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await own.stop("immediate");
  await chip(page, "Database reconnecting").waitFor();
  await own.start();
  await live(page);
  await insert(tailpost.sql, { message: "after the crash" });
  await row(page, "after the crash").waitFor();
});

browserTest(
  "the chip counts down to the next attempt, and a click does not wait for it",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await live(page);
    const error = { code: "too_many_viewers", message: "All 2 streams are taken" };
    await page.route(
      "**/api/logs/stream?*",
      (route) => route.fulfill({ status: 503, headers: { "Retry-After": "600" }, json: { error } }),
    );
    await page.getByRole("button", { name: "error", exact: true }).click();
    await page.locator(".chip-seconds", { hasText: /^in (600|59\d) s$/ }).waitFor();
    assert.match(await chip(page, "Reconnecting").getAttribute("title") ?? "", /All 2 streams are taken/);
    await page.unroute("**/api/logs/stream?*");
    await chip(page, "Reconnecting").click();
    await live(page);
  },
);

browserTest(
  "a gap is a row that says how many logs are not shown, and loads them when one scrolls to it",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const page = await browser.open(`${tailpost.url}/logs/live?level=info`);
    await live(page);
    await insert(tailpost.sql, ...numbered(1, 3));
    await row(page, "message 3").waitFor();
    await tailpost.stop("SIGKILL");
    // More than the server sends again, so that some are counted only.
    await tailpost.sql`insert into logs (message) select 'missed ' || n from generate_series(1, 12100) as n`;
    await tailpost.sql`insert into logs (message, level) values ('of another filter', 'debug')`;
    await tailpost.start();
    await row(page, "missed 12100").waitFor();
    // The list keeps 500 rows, so the others are counted to the gap.
    await page.locator(".footer-missed", { hasText: "10,604 not shown" }).waitFor();
    const gap = page.locator(".row-gap");
    const told = await wholeList(page, () => gap.textContent());
    assert.match(told ?? "", /^10,604 logs were not shown \(.+\)\. Load the newest 250$/u);
    const texts = () => wholeList(page, () => page.locator(".row-text").allInnerTexts());
    const loaded = (count: number) => {
      const missed = Array.from({ length: 499 + count }, (_, i) => `missed ${12100 - 498 - count + i}`);
      return until(texts, missed);
    };
    await page.keyboard.press("Home");
    await loaded(250);
    assert.match(await wholeList(page, () => gap.textContent()) ?? "", /^10,354 logs were not shown/u);
    await page.route("**/api/logs?*", (route) => route.abort());
    await page.keyboard.press("Home");
    await page.locator(".row-gap", { hasText: "The server cannot be reached. Try again" }).waitFor();
    await page.unroute("**/api/logs?*");
    await gap.click();
    await loaded(500);
    await page.keyboard.press("End");
    await insert(tailpost.sql, { message: "the next" });
    await row(page, "the next").waitFor();
    assert.equal((await texts()).length, 499, "the list is as long as it was");
    await page.locator(".footer-missed", { hasText: "10,605 not shown" }).waitFor();
  },
);

browserTest("a page without network says so", async (_t, browser) => {
  await using tailpost = await startTailpost(server);
  const page = await browser.open(`${tailpost.url}/logs/live`);
  await live(page);
  await page.context().setOffline(true);
  await chip(page, "Offline").waitFor();
  await page.context().setOffline(false);
  await live(page);
});

browserTest(
  "the status names what is wrong with the database, and what to do about it",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const page = await browser.open(`${tailpost.url}/logs/live`, { viewport: { width: 360, height: 740 } });
    await live(page);
    assert.equal(await page.locator(".database-notice").count(), 0);
    const look = async () => await (await fetch(`${tailpost.url}/readyz`)).body?.cancel();
    await tailpost.sql`alter table logs disable trigger logs_notify`;
    await look();
    const warning = chip(page, "Trigger disabled");
    await warning.waitFor();
    assert.match(await warning.getAttribute("class") ?? "", /chip-warning/);
    assert.match(await warning.getAttribute("title") ?? "", /run tailpost migrate/);
    assert.match(await page.locator(".database-notice").innerText(), /run tailpost migrate/);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await insert(tailpost.sql, { message: "not announced" });
    await tailpost.sql`alter table logs enable trigger logs_notify`;
    await look();
    await live(page);
    await row(page, "not announced").waitFor();
    assert.equal(await page.locator(".database-notice").count(), 0);
  },
);

browserTest(
  "a page whose database was replaced says so, and shows what is there now",
  async (_t, browser) => {
    await using own = await testServer();
    await using tailpost = await startTailpost(own);
    const cluster = `${own.dataDir}/cluster/data`;
    await insert(tailpost.sql, { message: "in the backup" });
    await own.stop();
    assert.ok(
      (await new Deno.Command("cp", { args: ["-a", cluster, `${cluster}.backup`] }).output()).success,
    );
    await own.start();
    const page = await browser.open(`${tailpost.url}/logs/live`);
    await live(page);
    for (let i = 0; i < 30; i++) await insert(tailpost.sql, { message: `lost ${i}` });
    await row(page, "lost 29").waitFor();
    await own.stop();
    await Deno.remove(cluster, { recursive: true });
    await Deno.rename(`${cluster}.backup`, cluster);
    await own.start();
    await page.getByText("The server no longer knew where this page had stopped").waitFor();
    await row(page, "in the backup").waitFor();
    // It has an id that the page has seen before.
    await insert(tailpost.sql, { message: "after the restore" });
    await row(page, "after the restore").waitFor();
    assert.equal(await row(page, "lost").count(), 0);
  },
);

browserTest("360 pixels are enough, in both themes", async (t, browser) => {
  await using tailpost = await startTailpost(server);
  await insert(tailpost.sql, { message: "word ".repeat(200), service: "a-service-with-a-rather-long-name" });
  const viewport = { width: 360, height: 740 };
  for (const colorScheme of ["dark", "light"] as const) {
    await t.step(colorScheme, async () => {
      const page = await browser.open(`${tailpost.url}/logs/live?level=info`, { viewport, colorScheme });
      await row(page, "word").waitFor();
      const width = () => page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(await width(), 360);
      await filterField(page).fill("level:info service:a-service-with-a-rather-long-name -healthz -metrics");
      await page.getByRole("button", { name: "Remove -metrics" }).waitFor();
      assert.equal(await width(), 360);
      await row(page, "word").click();
      await page.locator(".details .message").waitFor();
      assert.equal(await width(), 360);
    });
  }
});

browserTest(
  "the theme follows the system until the reader chooses, and is there before scripts are",
  async (_t, browser) => {
    await using tailpost = await startTailpost(server);
    const page = await browser.open(`${tailpost.url}/logs/live`, { colorScheme: "dark" });
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await background();
    await page.emulateMedia({ colorScheme: "light" });
    const light = await background();
    assert.notEqual(dark, light);
    await live(page);
    await page.getByRole("button", { name: "Switch between dark and light" }).click();
    assert.equal(await background(), dark);
    await page.reload({ waitUntil: "commit" });
    await page.locator(".header").waitFor();
    assert.equal(await background(), dark);

    // High contrast likewise.
    const quiet = () => page.evaluate(() => getComputedStyle(document.body).getPropertyValue("--quiet"));
    const standard = await quiet();
    await page.emulateMedia({ contrast: "more" });
    await page.waitForFunction(() => document.documentElement.dataset.contrast === "more");
    const high = await quiet();
    assert.notEqual(high, standard);
    await live(page);
    await page.getByRole("button", { name: "View", exact: true }).click();
    await page.getByLabel("High contrast").uncheck();
    assert.equal(await quiet(), standard);
    await page.getByLabel("Light", { exact: true }).check();
    assert.equal(await background(), light);
    await page.reload({ waitUntil: "commit" });
    await page.locator(".header").waitFor();
    assert.deepEqual([await quiet(), await background()], [standard, light]);
  },
);
