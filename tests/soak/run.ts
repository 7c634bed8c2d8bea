/** One tab under load, and what it costs: see `main.ts`. */

import type { CDPSession, Page } from "playwright-core";
import { findBrowser, launch } from "../browser.ts";
import { testServer } from "../postgres.ts";
import { startTailpost, type TestTailpost } from "../server.ts";
import { renderEachEvent } from "./each_event.ts";
import { forget, look, readList, type Seen, type Shown, type Started, started, watch } from "./page.ts";
import { writeLogs } from "./traffic.ts";

/** What is to be done. */
export interface SoakOptions {
  readonly seconds: number;
  /** Logs a second. */
  readonly rate: number;
  /** Rows that the list keeps. */
  readonly cap: number;
  /** How long the page that renders each event is looked at; 0: not at all. */
  readonly compareSeconds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** What a tab cost. */
export interface Cost extends Seen {
  /** Of the main thread's time. */
  readonly busy: number;
  readonly seconds: number;
  /** JavaScript's heap once the list was full, and at the end, after a collection each time. Bytes. */
  readonly heap: { readonly full: number; readonly end: number };
  /** Logs that were committed. */
  readonly committed: number;
  readonly shown: Shown;
  /** The newest ids of the table, as many as the list keeps, oldest first. */
  readonly newest: readonly number[];
}

/** What came of it. */
export interface SoakResult {
  readonly started: Started;
  readonly page: Cost;
  readonly eachEvent: Cost | null;
}

/** How long the list has to fill, code to be compiled and caches to find their size before anything is measured, in milliseconds. */
const WARM_UP = 10_000;

/** How often the page is opened to see how long that takes; the one in the middle counts. */
const OPENED = 3;

/** How long somebody scrolls, and how often keys are pressed. */
const [SCROLL, PRESSES] = [3000, 20];

/** Runs it. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const path = findBrowser();
  if (!path) throw new Error("No Chrome or Chromium was found: install one or set CHROME_PATH");
  await using postgres = await testServer();
  await using browser = await launch(path);

  const open = async ({ url }: TestTailpost, prepare: (page: Page) => Promise<void>) => {
    // The first page that a server renders compiles what it needs for it.
    await (await fetch(`${url}/logs/live`)).text();
    const page = await browser.open("about:blank");
    page.setDefaultTimeout(60_000);
    await watch(page);
    await page.addInitScript(
      (cap) => localStorage.setItem("tailpost-view", JSON.stringify({ cap, clock: "utc" })),
      options.cap,
    );
    await prepare(page);
    await page.goto(`${url}/logs/live`);
    await page.locator(".chip-good").waitFor();
    return page;
  };
  await using tailpost = await startTailpost(postgres);
  const starts: Started[] = [];
  for (let i = 0; i < OPENED; i++) {
    const page = await open(tailpost, () => Promise.resolve());
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    starts.push(await started(page));
    await page.context().close();
  }
  // The first one is of a browser that has just started.
  const [, start = starts[0]] = starts.sort((a, b) => a.live - b.live);
  if (!start) throw new RangeError("No page was opened");
  const page = await open(tailpost, () => Promise.resolve());
  const cost = await soak(page, tailpost, { ...options, canAnswer: true });
  await page.context().close();
  if (options.compareSeconds === 0) return { started: start, page: cost, eachEvent: null };

  options.say("The same page, but each event rendered on its own");
  await using another = await startTailpost(postgres);
  const other = await open(another, renderEachEvent);
  const eachEvent = await soak(other, another, {
    ...options,
    seconds: options.compareSeconds,
    canAnswer: false,
  });
  return { started: start, page: cost, eachEvent };
}

/**
 * @param canAnswer whether the page answers questions under load; one that renders each event is asked before and after
 */
async function soak(
  page: Page,
  { sql }: TestTailpost,
  { canAnswer, ...options }: SoakOptions & { canAnswer: boolean },
): Promise<Cost> {
  const { rate, cap, seconds, say } = options;
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  let full = await heapOf(session);
  let [busyBefore, began] = [await busyOf(session), performance.now()];
  const ending = new AbortController();
  const writing = writeLogs(sql, { rate, signal: AbortSignal.any([options.signal, ending.signal]) });
  const inputs: Promise<unknown>[] = [];
  try {
    const wait = (milliseconds: number) => pause(milliseconds, options.signal);
    if (canAnswer) {
      await wait(Math.max(WARM_UP, cap / rate * 2000));
      full = await heapOf(session);
      await forget(page);
      [busyBefore, began] = [await busyOf(session), performance.now()];
    }
    const until = began + seconds * 1000;
    let said = began;
    // Most of the time it only watches, as people do; in between keys, and somebody who scrolls.
    do {
      inputs.push(...await press(session, wait), ...await scroll(session, wait));
      if (canAnswer) await Promise.all(inputs.splice(0));
      await wait(Math.min(Math.max(0, until - performance.now()), 8000));
      if (canAnswer && performance.now() - said > 15_000) {
        said = performance.now();
        const heap = await heapOf(session);
        say(`${((said - began) / 1000).toFixed(0)} s of ${seconds} s, heap ${(heap / 1e6).toFixed(1)} MB`);
      }
    } while (performance.now() < until && !options.signal.aborted);
    ending.abort();
    const committed = await writing;
    const shown = await settled(page, committed);
    const took = performance.now() - began;
    const busy = (await busyOf(session) - busyBefore) / (took / 1000);
    await Promise.all(inputs);
    const newest = await sql<{ id: number }[]>`
      select id::float8 as id from logs order by id desc limit ${cap}`;
    return {
      ...await look(page),
      busy,
      seconds: took / 1000,
      heap: { full, end: await heapOf(session) },
      committed,
      shown,
      newest: newest.map(({ id }) => id).reverse(),
    };
  } finally {
    ending.abort();
    await writing.catch(() => {});
  }
}

/** The list once all has come, or after a while whatever came. */
async function settled(page: Page, committed: number): Promise<Shown> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const shown = await readList(page);
    if (shown.received >= committed || performance.now() > deadline) return shown;
    await pause(200);
  }
}

/** Pauses and goes on, by the keyboard. The results settle once the page has taken the keys. */
async function press(session: CDPSession, wait: (milliseconds: number) => Promise<void>) {
  const taken: Promise<unknown>[] = [];
  for (let i = 0; i < PRESSES; i++) {
    taken.push(...key(session, { key: " ", code: "Space", windowsVirtualKeyCode: 32, text: " " }));
    await wait(100);
  }
  return taken;
}

/** Scrolls up and down, and returns to live. */
async function scroll(session: CDPSession, wait: (milliseconds: number) => Promise<void>) {
  const taken: Promise<unknown>[] = [];
  const until = performance.now() + SCROLL;
  for (let i = 0; performance.now() < until; i++) {
    const deltaY = i % 20 < 12 ? -90 : 90;
    const wheel = { type: "mouseWheel", x: 600, y: 400, deltaX: 0, deltaY } as const;
    taken.push(session.send("Input.dispatchMouseEvent", wheel));
    await wait(16);
  }
  // What was scrolled smoothly comes to rest.
  await wait(300);
  return [...taken, ...key(session, { key: "End", code: "End", windowsVirtualKeyCode: 35 })];
}

function key(session: CDPSession, key: object): Promise<unknown>[] {
  return (["keyDown", "keyUp"] as const).map((type) =>
    session.send("Input.dispatchKeyEvent", { type, ...key })
  );
}

async function metric(session: CDPSession, name: string): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find((metric) => metric.name === name)?.value ?? NaN;
}

/** Seconds that the main thread has worked. */
function busyOf(session: CDPSession): Promise<number> {
  return metric(session, "TaskDuration");
}

/** Bytes after a collection. */
async function heapOf(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  return await metric(session, "JSHeapUsedSize");
}

async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
  signal?.throwIfAborted();
}
