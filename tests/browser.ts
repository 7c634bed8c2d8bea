/** A Chrome or Chromium of the machine's own, for tests that look at the page. */

import { delimiter, join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
  "chrome.exe",
  "msedge.exe",
];

const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];

/** The path of the browser to use: CHROME_PATH, else the first that is found. `null` where there is none. */
export function findBrowser(): string | null {
  const named = Deno.env.get("CHROME_PATH");
  if (named) {
    if (!isFile(named)) throw new Error(`CHROME_PATH is ${named}: there is no such file`);
    return named;
  }
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter).filter((folder) => folder !== "");
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...onPath, ...PLACES].find(isFile) ?? null;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const path = findBrowser();
// deno-lint-ignore no-console -- whoever runs the tests must know which browser they are about
console.log(
  path
    ? `Browser tests use ${path}`
    : "Browser tests are left out: no Chrome or Chromium was found. Install one (apt install chromium, brew install " +
      "--cask chromium) or set CHROME_PATH",
);

/** Registers a test that needs a browser; on a machine without one it is reported as ignored. */
export function browserTest(
  name: string,
  run: (t: Deno.TestContext, browser: TestBrowser) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: path === null,
    async fn(t) {
      await using browser = await launch(path ?? "");
      try {
        await run(t, browser);
      } finally {
        await browser.keep(name);
      }
    },
  });
}

/** A running browser. */
export interface TestBrowser extends AsyncDisposable {
  /** Opens a page in a context of its own. Closing the browser fails the test if a script of the page threw. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  /** Keeps a picture of each page that is open, as `test-output/<name>.png`: what a test saw last, be it good or not. */
  keep(name: string): Promise<void>;
}

/** Starts a browser. */
export async function launch(executablePath: string): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath,
    // Root may not use Chromium's sandbox; the tests show it nothing but pages of ours.
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking"],
  });
  const errors: string[] = [];
  return {
    async open(url, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ...options });
      context.setDefaultTimeout(20_000);
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        if (/Content Security Policy/u.test(message.text())) errors.push(message.text());
      });
      await page.goto(url);
      return page;
    },
    async keep(name) {
      const folder = new URL("../test-output/", import.meta.url);
      await Deno.mkdir(folder, { recursive: true });
      const file = name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, "-").slice(0, 100);
      const pages = browser.contexts().flatMap((context) => context.pages());
      for (const [i, page] of pages.entries()) {
        const path = new URL(`${file}${i === 0 ? "" : `-${i + 1}`}.png`, folder).pathname;
        // A page that hangs, or is without its network, is no reason to fail.
        await page.screenshot({ path, timeout: 5000 }).catch(() => {});
      }
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      if (errors.length > 0) throw new Error(`The page failed:\n${errors.join("\n")}`);
    },
  };
}

/** Reads the list of a page while it is paused: only then are all of its rows drawn, up to a thousand, after a moment. */
export async function wholeList<T>(page: Page, read: () => Promise<T>): Promise<T> {
  const press = (name: "Pause" | "Resume") =>
    page.getByRole("button", { name, exact: true }).evaluate((button) => (button as HTMLElement).click());
  const isPaused = await page.getByRole("button", { name: "Resume", exact: true }).count() > 0;
  if (!isPaused) await press("Pause");
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLElement>(".rows-away")].every(({ offsetHeight }) => offsetHeight === 0)
  );
  const found = await read();
  if (!isPaused) await press("Resume");
  return found;
}
