/** What a soak says in the end. Pure. */

import { markdownTable } from "../../bench/table.ts";
import type { Cost, SoakResult } from "./run.ts";

/** The most that the heap may grow by once the list is full, in bytes. */
export const MOST_GROWTH = 10_000_000;

/** The most that a task, and the answer to a key, should take on the machines that we measure on, in milliseconds. */
const [LONGEST_TASK, LONGEST_ANSWER] = [200, 100];

/** From the navigation to the first paint, and to a stream, in milliseconds. */
const BUDGET = 500;

/** Why a soak failed; empty where nothing was lost or doubled and the heap stayed flat. Times are printed and never fail. */
export function problemsOf({ page }: Pick<SoakResult, "page">): string[] {
  const { committed, shown, newest, heap } = page;
  const problems: string[] = [];
  const say = (isBad: boolean, text: string) => isBad && problems.push(text);
  say(
    shown.received !== committed,
    `${committed} logs were committed, and the page counts ${shown.received}`,
  );
  say(shown.doubled > 0, `${shown.doubled} rows came into the list while it had the same log`);
  const drawn = newest.slice(-shown.ids.length);
  say(
    shown.ids.length === 0 || shown.ids.join() !== drawn.join(),
    `the list does not end with the newest logs of the table, in their order: ${shown.ids.slice(-5)} where ${
      newest.slice(-5)
    } were committed`,
  );
  say(
    heap.end - heap.full > MOST_GROWTH,
    `the heap grew by ${megabytes(heap.end - heap.full)} after the list was full`,
  );
  return problems;
}

/** The result as a table, with what was aimed at. */
export function formatSoak({ started, page, eachEvent }: SoakResult): string {
  const row = (name: string, tell: (cost: Cost) => string, aim = "") => [
    ...[name, tell(page)],
    ...eachEvent ? [tell(eachEvent)] : [],
    aim,
  ];
  const costs = markdownTable(["", "this page", ...eachEvent ? ["each event on its own"] : [], "aim"], [
    row("logs", (cost) => count(cost.committed)),
    row("measured", (cost) => `${cost.seconds.toFixed(0)} s`),
    row("main thread busy", (cost) => `${(cost.busy * 100).toFixed(1)} %`),
    row("longest task", task, `< ${LONGEST_TASK} ms`),
    row("tasks over 50 ms", (cost) => count(cost.longTasks)),
    row("key to frame, median", (cost) => ms(quantile(cost.keys, 0.5))),
    row("key to frame, longest", (cost) => ms(quantile(cost.keys, 1)), `< ${LONGEST_ANSWER} ms`),
    row("frames dropped while scrolling", dropped),
    row("heap, list full", (cost) => megabytes(cost.heap.full)),
    row("heap, end", (cost) => megabytes(cost.heap.end)),
    row("heap grew by", (cost) => megabytes(cost.heap.end - cost.heap.full), `< ${megabytes(MOST_GROWTH)}`),
    row("doubled", (cost) => count(cost.shown.doubled), "0"),
    row("committed, and did not come", (cost) => count(cost.committed - cost.shown.received), "0"),
  ]);
  const start = markdownTable(["the page comes up", "", "aim"], [
    ["first paint", ms(started.firstPaint), `< ${BUDGET} ms`],
    ["largest paint", ms(started.largestPaint), ""],
    ["live", ms(started.live), `< ${BUDGET} ms`],
    ["layout shift", started.shift.toFixed(3), "< 0.1"],
    ["the island's JavaScript, compressed", kilobytes(started.island), "< 60 kB"],
    ["fetched by it, the chart", kilobytes(started.later), ""],
  ]);
  return `${start}\n\n${costs}`;
}

function task({ longestTask }: Cost): string {
  return longestTask === 0 ? "< 50 ms" : ms(longestTask);
}

/** Frames that were missed, of those that there should have been at 60 a second. */
function dropped({ frames }: Cost): string {
  const missed = frames.reduce((sum, gap) => sum + Math.max(0, Math.round(gap * 60 / 1000) - 1), 0);
  return `${((missed / Math.max(1, missed + frames.length)) * 100).toFixed(1)} %`;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

function ms(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(0)} ms` : "none";
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}
