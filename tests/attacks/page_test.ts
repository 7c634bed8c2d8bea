// Hostile text in every field, shown by a real browser with the policy on.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { insertToken } from "../../lib/auth/token_store.ts";
import { browserTest } from "../browser.ts";
import { testServer } from "../postgres.ts";
import { startWorld, type World } from "./world.ts";

const postgres = await testServer();

const PWN = "window.__pwned=1";
const HOSTILE = [
  `<script>${PWN}</script>`,
  `</script><script>${PWN}</script>`,
  `<!--<script>${PWN}</script>-->`,
  `--><img src=x onerror=${PWN}>`,
  `<img src=x onerror="${PWN}">`,
  `<svg onload=${PWN}>`,
  `<svg><script href="data:,${PWN}"/></svg>`,
  `<iframe srcdoc="<script>parent.${PWN}</script>"></iframe>`,
  `"><img src=x onerror=${PWN}>`,
  `' onfocus=${PWN} autofocus '`,
  `\` onmouseover=${PWN} \``,
  `javascript:${PWN}`,
  `<a href="javascript:${PWN}">x</a>`,
  `</textarea></title></style><script>${PWN}</script>`,
  `</option></select><script>${PWN}</script>`,
  `<base href="https://evil.example/">`,
  `<meta http-equiv=refresh content="0;url=https://evil.example/">`,
  `<form action="https://evil.example/"><button>x`,
  `{{constructor.constructor('${PWN}')()}}`,
  `\${${PWN}}`,
  `\u2028${PWN}\u2029//`,
  `\\u003cscript\\u003e${PWN}`,
  `<math><mi xlink:href="javascript:${PWN}">`,
  `\u202e${PWN}\u202d`,
  "\u2067\u202eabc",
  "Z\u0351\u036b\u0343\u036a\u0302\u036b".repeat(30),
  "\u05e9\u05dc\u05d5\u05dd 123 <b>abc</b>",
];
/** For what has 100 characters at most. */
const name = (text: string, i: number) => [...text].slice(0, 92).join("") + i;

/** Opens a page with a session; whatever a script of somebody else's could show is noted. */
async function watch(page: Page): Promise<string[]> {
  const seen: string[] = [];
  page.on("dialog", (dialog) => {
    seen.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/Content.Security.Policy|refused to/iu.test(message.text())) seen.push(message.text());
  });
  await page.route("**/*", (route) => {
    const { url } = { url: route.request().url() };
    if (!new URL(url).hostname.match(/^127\.0\.0\.1$/u) && !url.startsWith("data:")) {
      seen.push(`request ${url}`);
      return route.abort();
    }
    return route.continue();
  });
  return seen;
}

/** Nothing ran, nothing was added. */
async function isClean(page: Page, seen: string[], about: string): Promise<void> {
  const found = await page.evaluate(() => ({
    pwned: "__pwned" in globalThis,
    added: document.querySelectorAll(
      "iframe, base, img, math, svg script, meta[http-equiv], [onerror], [onload], [onfocus]",
    ).length,
    links: [...document.querySelectorAll("a, form")].map((element) =>
      element.getAttribute("href") ?? element.getAttribute("action") ?? ""
    ).filter((url) => /^\s*javascript:|^https?:|^\/\//iu.test(url)),
    width: document.documentElement.scrollWidth - innerWidth,
  }));
  assert.deepEqual(found, { pwned: false, added: 0, links: [], width: Math.min(found.width, 0) }, about);
  assert.deepEqual(seen, [], about);
}

async function signInPage(page: Page, { url, tokens }: World): Promise<void> {
  await page.goto(`${url}/login`);
  await page.fill('input[name="token"]', tokens.admin);
  await Promise.all([page.waitForURL(/\/logs\/live/u), page.click('button[type="submit"]')]);
}

browserTest(
  "the live page shows hostile logs as text, rows in order and nothing run",
  async (_t, browser) => {
    await using world = await startWorld(postgres);
    const page = await browser.open(`${world.url}/login`);
    const seen = await watch(page);
    await signInPage(page, world);
    await page.waitForSelector(".row, .empty, main");
    const logs = HOSTILE.map((text) => ({
      message: text,
      service: text,
      metadata: { [text]: { [text]: [text] } },
    }));
    const posted = await world.send(logs);
    assert.equal(posted.status, 201, posted.text);
    const { ids } = JSON.parse(posted.text);
    await page.waitForSelector(`[data-id="${ids.at(-1)}"]`);
    await isClean(page, seen, "the list");
    // Whatever the text turns around, its neighbours stay where they are: time, level, service, message.
    const order = await page.$$eval(
      "[data-id]",
      (rows) =>
        rows.map((row) =>
          [".row-time", ".row-level", ".row-service", ".row-message"].map((part) =>
            row.querySelector(part)?.getBoundingClientRect().left ?? -1
          )
        ),
    );
    assert.equal(order.length >= HOSTILE.length, true);
    for (const lefts of order) {
      assert.deepEqual(
        lefts,
        lefts.toSorted((a, b) => a - b),
      );
    }
    assert.equal(new Set(order.map(([time]) => time)).size, 1);
    // With its details open, one after the other.
    for (const id of ids) {
      await page.click(`[data-id="${id}"] .row-time`);
      await page.waitForSelector(`[data-id="${id}"][aria-selected="true"]`);
    }
    await isClean(page, seen, "the details");
    // A line of a mebibyte is a row like others.
    const long = await world.send({ message: "\u202e<b>".repeat(150_000), service: "x".repeat(60_000) });
    const [id] = JSON.parse(long.text).ids;
    await page.waitForSelector(`[data-id="${id}"]`);
    await page.click(`[data-id="${id}"] .row-time`);
    await isClean(page, seen, "a long line");
  },
);

browserTest("the query string of a page is text", async (_t, browser) => {
  await using world = await startWorld(postgres);
  const page = await browser.open(`${world.url}/login`);
  const seen = await watch(page);
  for (const text of HOSTILE) {
    await page.goto(
      `${world.url}/login?${new URLSearchParams({ next: `/logs/live?q=${text}`, code: text })}`,
    );
    await isClean(page, seen, `login ${text}`);
  }
  await signInPage(page, world);
  for (const text of HOSTILE) {
    await page.goto(
      `${world.url}/logs/live?${new URLSearchParams({
        q: text,
        service: text,
        not: text,
        level: text,
        [text]: text,
      })}`,
    );
    await isClean(page, seen, `live ${text}`);
  }
  for (
    const path of [
      "/nothing/%3Cscript%3Ewindow.__pwned=1%3C/script%3E",
      "/nothing?<svg onload=window.__pwned=1>",
    ]
  ) {
    await page.goto(world.url + path);
    await isClean(page, seen, path);
  }
});

browserTest("the page of tokens shows hostile names as text", async (_t, browser) => {
  await using world = await startWorld(postgres);
  const { sql } = world.tailpost;
  for (const [i, text] of HOSTILE.entries()) {
    await sql`insert into organizations (name) values (${name(text, i)})`;
    await insertToken(sql, { organizationId: i + 3, name: name(text, i), scope: "read", expiresIn: null });
  }
  const page = await browser.open(`${world.url}/login`);
  const seen = await watch(page);
  await signInPage(page, world);
  await page.goto(`${world.url}/settings/tokens`);
  await page.waitForSelector("[data-token]");
  await isClean(page, seen, "the list");
  assert.equal(await page.locator("[data-token]").count(), HOSTILE.length + 3);
  // Made in the page: its name is a heading then.
  await page.fill('input[name="name"]', `</h2><script>${PWN}</script>\u202e`);
  await Promise.all([page.waitForLoadState("load"), page.click('button[value="create"]')]);
  await page.waitForSelector("[data-secret]");
  await isClean(page, seen, "a new token");
  // A name must not turn around what follows it: each is alone in its box, and says what turns.
  const cells = await page.$$eval(
    "[data-token] td:first-child",
    (all) => all.map((cell) => cell.textContent ?? ""),
  );
  assert.ok(cells.every((text) => !/[\u202a-\u202e\u2066-\u2069]/u.test(text)), "a name with an override");
});
