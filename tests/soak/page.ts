/** What the page itself can tell, collected by a script that runs in it before its own. */

import type { Page } from "playwright-core";

/** What was seen of the page since {@link forget}. Times in milliseconds. */
export interface Seen {
  /** Of tasks over 50 ms: the longest, and how many there were. */
  readonly longestTask: number;
  readonly longTasks: number;
  /** From a key press to the frame in which the page shows what it did. */
  readonly keys: readonly number[];
  /** Between frames while somebody scrolled. */
  readonly frames: readonly number[];
}

/** How the page came to be. Milliseconds from the beginning of the navigation. */
export interface Started {
  readonly firstPaint: number;
  readonly largestPaint: number;
  readonly live: number;
  /** Cumulative layout shift (web.dev/cls); without a unit. */
  readonly shift: number;
  /** Compressed bytes of the island, and of what it fetches once it is there. */
  readonly island: number;
  readonly later: number;
}

interface Probe {
  longest: number;
  long: number;
  keys: number[];
  frames: number[];
  live: number;
  shift: number;
  largest: number;
  /** How often each id stands in the list. */
  there: Uint8Array;
  doubled: number;
}

/** Ids that are followed: one byte each, outside of the heap that is measured. */
const MOST_IDS = 20_000_000;

/** Gets a page ready to be looked at; to be called before it is opened. */
export async function watch(page: Page): Promise<void> {
  await page.addInitScript((mostIds) => {
    const probe: Probe = {
      ...{ longest: 0, long: 0, keys: [], frames: [], live: 0, shift: 0, largest: 0 },
      ...{ there: new Uint8Array(mostIds), doubled: 0 },
    };
    Object.assign(globalThis, { probe });
    const observe = (type: string, see: (entry: PerformanceEntry) => void) =>
      new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({ type, buffered: true });
    observe("longtask", ({ duration }) => {
      probe.longest = Math.max(probe.longest, duration);
      probe.long++;
    });
    observe("layout-shift", (entry) => {
      const { value, hadRecentInput } = entry as PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      };
      if (!hadRecentInput) probe.shift += value;
    });
    observe("largest-contentful-paint", ({ startTime }) => probe.largest = startTime);

    // From the press, the time in the queue included, until the frame after the button has changed is handed on.
    let pressed: number | null = null;
    addEventListener("keydown", ({ timeStamp }) => pressed = timeStamp, { capture: true });
    let [last, turned] = [0, -Infinity];
    addEventListener("wheel", () => turned = performance.now(), { capture: true, passive: true });
    const frame = (now: number) => {
      if (now - turned < 200 && last > 0) probe.frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new MutationObserver((changes) => {
      for (const { type, target, addedNodes, removedNodes } of changes) {
        if (type === "attributes") {
          const since = pressed;
          if (since === null || !(target as Element).matches(".actions > button:first-child")) continue;
          pressed = null;
          requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => probe.keys.push(performance.now() - since);
            port2.postMessage(null);
          });
          continue;
        }
        for (const node of addedNodes) rowsIn(node).forEach(came);
        for (const node of removedNodes) rowsIn(node).forEach(went);
      }
      if (probe.live === 0 && document.querySelector(".chip-good")) probe.live = performance.now();
    }).observe(document, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: ["aria-pressed"],
    });
    function rowsIn(node: Node): readonly HTMLElement[] {
      if (!(node instanceof HTMLElement)) return [];
      if (node.classList.contains("row")) return [node];
      return node.childElementCount > 0 ? [...node.querySelectorAll<HTMLElement>(".row")] : [];
    }
    function came({ dataset }: HTMLElement): void {
      const id = Number(dataset.id);
      if (!(id < mostIds)) return;
      probe.there[id] = (probe.there[id] ?? 0) + 1;
      if ((probe.there[id] ?? 0) > 1) probe.doubled++;
    }
    function went({ dataset }: HTMLElement): void {
      const id = Number(dataset.id);
      if (id < mostIds) probe.there[id] = (probe.there[id] ?? 0) - 1;
    }
  }, MOST_IDS);
}

/** Begins anew. */
export async function forget(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { probe } = globalThis as unknown as { probe: Probe };
    Object.assign(probe, { longest: 0, long: 0, keys: [], frames: [] });
  });
}

/** What was seen. */
export async function look(page: Page): Promise<Seen> {
  return await page.evaluate(() => {
    const { longest, long, keys, frames } = (globalThis as unknown as { probe: Probe }).probe;
    return { longestTask: longest, longTasks: long, keys, frames };
  });
}

/** How the page came to be. */
export async function started(page: Page): Promise<Started> {
  return await page.evaluate(() => {
    const { probe } = globalThis as unknown as { probe: Probe };
    const scripts = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    const bytes = (name: string) =>
      scripts.filter((script) => script.name.includes(`/${name}-`)).reduce(
        (sum, { encodedBodySize }) => sum + encodedBodySize,
        0,
      );
    return {
      firstPaint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
      largestPaint: probe.largest,
      live: probe.live,
      shift: probe.shift,
      island: bytes("islands"),
      later: bytes("chunk"),
    };
  });
}

/** What stands in the list and what the page says of it. */
export interface Shown {
  /** Of the rows that are drawn, which are the newest. */
  readonly ids: readonly number[];
  /** Logs that came, by the page's own count. */
  readonly received: number;
  /** Rows that came into the list while it had the same log already. */
  readonly doubled: number;
}

/** Reads the list. */
export async function readList(page: Page): Promise<Shown> {
  return await page.evaluate(() => {
    const { probe } = globalThis as unknown as { probe: Probe };
    const ids = [...document.querySelectorAll<HTMLElement>(".row[data-id]")].map(({ dataset }) =>
      Number(dataset.id)
    );
    const footer = /of ([\d,]+) log/u.exec(document.querySelector(".footer")?.textContent ?? "");
    return {
      ids,
      received: Number(footer?.[1]?.replaceAll(",", "") ?? NaN),
      doubled: probe.doubled,
    };
  });
}
