/** How many logs of the filter there were lately, by level: what the server counted, and on top of it what came since. */

import { type Signal, signal } from "@preact/signals";
import { isLevel, type Level, LEVELS, type Log } from "../log.ts";
import { parse } from "./events.ts";

/** How far back the strip looks, in minutes, and how long one of its bars is, in milliseconds. */
export const SPANS = [5, 15, 60] as const;
const STEPS: Readonly<Record<number, number>> = { 5: 2000, 15: 5000, 60: 20_000 };

/** What may have come before the server's count is there. More is left out of the strip. */
const MOST_EARLY = 20_000;

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 10_000;

/** Bars, the oldest first. */
export interface RateSeries {
  /** When each begins, in epoch milliseconds. */
  readonly times: readonly number[];
  readonly step: number;
  /** One number a bar for each level, in the order of `LEVELS`. */
  readonly counts: readonly (readonly number[])[];
}

/** Counts for the strip. */
export interface Rate {
  /** Changes when bars may look otherwise than a second ago for another reason than time. */
  readonly version: Signal<number>;
  /** Since when all logs were counted, in epoch milliseconds, where that is not all of the span; `null` else. */
  readonly since: Signal<number | null>;
  /** Begins anew under a filter, over a span of minutes; `now` in the server's epoch milliseconds. */
  load(params: URLSearchParams, minutes: number, now: number): Promise<void>;
  /** A log came. */
  add(log: Log): void;
  /** The bars up to `now`. */
  read(now: number): RateSeries;
  stop(): void;
}

/** Nothing counted yet. */
export function createRate(): Rate {
  const version = signal(0);
  const since = signal<number | null>(null);
  let step = STEPS[SPANS[0]] ?? 1000;
  let bars = SPANS[0] * 60_000 / step;
  /** Counts by the beginning of their bar. */
  let counts = new Map<number, number[]>();
  /** The greatest id in the server's count; `null` while that is awaited. */
  let last: number | null = null;
  let early: Log[] = [];
  let asking = new AbortController();

  function count(time: number, level: Level, n: number): void {
    const bar = Math.floor(time / step) * step;
    const numbers = counts.get(bar) ?? LEVELS.map(() => 0);
    const at = LEVELS.indexOf(level);
    numbers[at] = (numbers[at] ?? 0) + n;
    counts.set(bar, numbers);
  }

  function countLog({ timestamp, level }: Log): void {
    const time = Date.parse(timestamp);
    if (!Number.isNaN(time)) count(time, level, 1);
  }

  return {
    version,
    since,
    async load(params, minutes, now) {
      asking.abort();
      asking = new AbortController();
      const { signal } = asking;
      step = STEPS[minutes] ?? 20_000;
      bars = minutes * 60_000 / step;
      counts = new Map();
      early = [];
      last = null;
      since.value = null;
      version.value++;
      const to = (Math.floor(now / step) + 1) * step;
      const query = new URLSearchParams(params);
      query.delete("fields");
      query.set("from", String(to - bars * step));
      query.set("to", String(to));
      query.set("buckets", String(bars));
      const answer = await fetch(`/api/logs/rate?${query}`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
      }).then((response) => response.ok ? response.text() : null).catch(() => null);
      if (signal.aborted) return;
      const found = answer === null ? null : readRate(answer);
      for (const [level, numbers] of found?.levels ?? []) {
        numbers.forEach((n, i) => n > 0 && count((found?.from ?? 0) + i * step, level, n));
      }
      // Without an answer the strip begins with what came.
      last = found?.last ?? 0;
      since.value = found ? found.since : now;
      for (const log of early) if (log.id > last) countLog(log);
      early = [];
      version.value++;
    },
    add(log) {
      if (last === null) {
        if (early.length < MOST_EARLY) early.push(log);
      } else if (log.id > last) countLog(log);
    },
    read(now) {
      const end = Math.floor(now / step) * step;
      const times = Array.from({ length: bars }, (_, i) => end - (bars - 1 - i) * step);
      const [first = end] = times;
      for (const bar of counts.keys()) if (bar < first) counts.delete(bar);
      return {
        times,
        step,
        counts: LEVELS.map((_, level) => times.map((time) => counts.get(time)?.[level] ?? 0)),
      };
    },
    stop: () => asking.abort(),
  };
}

/** Reads an answer of `GET /api/logs/rate`, `null` where it is none. */
function readRate(body: string) {
  const { from, levels, last, since } = parse(body) ?? {};
  if (typeof from !== "number" || typeof levels !== "object" || levels === null) return null;
  const known = Object.entries(levels).flatMap(([level, numbers]) =>
    isLevel(level) && Array.isArray(numbers) ? [[level, numbers.map(Number)] as const] : []
  );
  return {
    from,
    levels: known,
    last: typeof last === "number" ? last : 0,
    since: typeof since === "number" ? since : null,
  };
}
