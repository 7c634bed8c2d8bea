/** The same page, but that every event is rendered on its own: what most pages do. For comparison. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { bundle } from "../../lib/fresh/bundle.ts";

/** In the place of `lib/live_tail/frame_buffer.ts`: no waiting for the next frame, and no renderings put together. */
const EACH_EVENT = `
import { options } from "preact";
options.debounceRendering = (render) => render();
export function createFrameBuffer({ flush }) {
  return {
    push: (entry) => flush({ entries: [entry], overflow: null }),
    drop() {},
    clear() {},
  };
}
`;

/** Lets a page, before it is opened, have such scripts. */
export async function renderEachEvent(page: Page): Promise<void> {
  const root = new URL("../../", import.meta.url).pathname;
  const copy = await Deno.makeTempDir({ prefix: "tailpost-soak-" });
  try {
    for (const folder of ["islands", "components", "lib"]) {
      await copyFolder(join(root, folder), join(copy, folder));
    }
    await Deno.writeTextFile(join(copy, "lib/live_tail/frame_buffer.ts"), EACH_EVENT);
    const { entry, chunks } = await bundle(
      [["islands/LiveTail", pathToFileURL(join(copy, "islands/LiveTail.tsx"))]],
      true,
    );
    const scripts = new Map([...chunks].map(([name, script]) => [name, new TextDecoder().decode(script)]));
    await page.route(/\.js(?:\?|$)/u, async (route) => {
      const name = new URL(route.request().url()).pathname.split("/").at(-1) ?? "";
      const body = name.startsWith("islands-") ? new TextDecoder().decode(entry) : scripts.get(name);
      if (body === undefined) return await route.continue();
      await route.fulfill({ body, contentType: "text/javascript; charset=utf-8" });
    });
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
