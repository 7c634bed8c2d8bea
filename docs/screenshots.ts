/** `deno task screenshots`: takes the pictures of the docs from the running demo. */

import { findBrowser, launch } from "../tests/browser.ts";
import { runTailpost } from "../tests/server.ts";

const images = new URL("images/", import.meta.url).pathname;
const dataDir = await Deno.makeTempDir({ prefix: "tailpost-screenshots-" });
await Deno.chmod(dataDir, 0o755);
const demo = runTailpost(["demo", "--port", "0"], { TAILPOST_DATA_DIR: dataDir });
try {
  const [, url] = await demo.line(/Tailpost is ready at (\S+)/u);
  const path = findBrowser();
  if (!path) throw new Error("No Chrome or Chromium was found: install one or set CHROME_PATH");
  await using browser = await launch(path);
  const size = { width: 1280, height: 800 };

  const live = await browser.open(`${url}/logs/live`, { viewport: size, colorScheme: "dark" });
  // The demo begins with a spike and an incident: something to look at.
  await live.getByText(/^(3[5-9]\d|[45]\d\d) of /).waitFor({ timeout: 120_000 });
  const failed = live.locator('[role="log"] >> text=/ERR/').last();
  await failed.waitFor({ timeout: 120_000 });
  await live.screenshot({ path: `${images}live.png` });

  await failed.click();
  await live.getByText("Copy JSON").waitFor();
  await live.screenshot({ path: `${images}details.png` });

  const narrow = await browser.open(`${url}/logs/live`, {
    viewport: { width: 390, height: 780 },
    colorScheme: "light",
  });
  await narrow.locator('[role="log"] >> text=gateway').last().waitFor();
  await narrow.screenshot({ path: `${images}narrow.png` });
} finally {
  await demo.end("SIGTERM");
  await Deno.remove(dataDir, { recursive: true });
}
