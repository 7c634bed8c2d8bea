import { useEffect, useRef, useState } from "preact/hooks";
import { formatCount, formatTime, formatUtc, plural } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { type RateSeries, SPANS } from "../lib/live_tail/rate.ts";
import { type RateChart, startRateChart } from "../lib/live_tail/rate_chart.ts";
import { LEVELS } from "../lib/log.ts";

/** Logs by level over the last minutes. A click, or a drag over some of them, goes to that time. */
export function RateStrip({ tail, skew }: { tail: LiveTail; skew: () => number }) {
  const { clock, minutes } = tail.rows.display.value;
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<RateChart | null>(null);
  const [series, setSeries] = useState<RateSeries | null>(null);
  /** The bar that is pointed at, from the mouse or by the arrow keys. */
  const [at, setAt] = useState<number | null>(null);
  const isUtc = clock === "utc";
  const timeOf = (time: number) => (isUtc ? formatUtc : formatTime)(new Date(time).toISOString(), false);
  const goTo = (time: number) => tail.goTo({ kind: "time", time: new Date(time).toISOString() });

  const read = () => tail.rate.read(Date.now() + skew());
  useEffect(() => {
    const renew = () => {
      // Nobody sees it: nothing is drawn.
      if (document.visibilityState !== "visible" || !frame.current?.offsetParent) return;
      const next = read();
      setSeries(next);
      chart.current?.draw(next);
    };
    const stop = tail.rate.version.subscribe(renew);
    const timer = setInterval(renew, 1000);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, []);
  useEffect(() => {
    if (!frame.current) return;
    return startRateChart(frame.current, {
      isUtc,
      point: setAt,
      pick: goTo,
      ready: (made) => {
        chart.current = made;
        made.draw(read());
      },
    });
  }, [isUtc]);

  const move = (to: number) => {
    const next = Math.max(0, Math.min((series?.times.length ?? 1) - 1, to));
    setAt(next);
    chart.current?.point(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const end = (series?.times.length ?? 1) - 1;
    const steps: Record<string, number> = {
      ArrowLeft: (at ?? end + 1) - 1,
      ArrowRight: (at ?? end) + 1,
      Home: 0,
      End: end,
    };
    const time = at === null ? undefined : series?.times[at];
    if (event.key in steps) move(steps[event.key] ?? 0);
    else if (event.key === "Enter" && time !== undefined) goTo(time);
    else return;
    event.preventDefault();
  };

  const told = series === null ? "" : at === null ? summary(series, minutes) : pointed(series, at, timeOf);
  const since = tail.rate.since.value;
  return (
    <section class="strip" aria-label="Logs over time">
      <div class="strip-head">
        <span class="strip-told">{told}</span>
        {since !== null && <span class="strip-since">counted since {timeOf(since)}</span>}
        <label>
          <span class="sr-only">How far back</span>
          <select
            value={minutes}
            onChange={(event) => tail.rows.show({ minutes: Number(event.currentTarget.value) })}
          >
            {SPANS.map((span) => <option key={span} value={span}>{span} min</option>)}
          </select>
        </label>
      </div>
      <div
        ref={frame}
        class="strip-chart"
        role="slider"
        tabIndex={0}
        aria-label="Time to look at"
        aria-valuemin={0}
        aria-valuemax={(series?.times.length ?? 1) - 1}
        aria-valuenow={at ?? (series?.times.length ?? 1) - 1}
        aria-valuetext={told}
        title="Click to go to a time"
        // The mouse takes the keys from nobody.
        onMouseDown={(event) => event.preventDefault()}
        onKeyDown={onKeyDown}
        onBlur={() => setAt(null)}
      />
    </section>
  );
}

function totals({ counts }: RateSeries, from: number, to: number): readonly number[] {
  return counts.map((numbers) => numbers.slice(from, to).reduce((sum, n) => sum + n, 0));
}

function summary(series: RateSeries, minutes: number): string {
  const all = totals(series, 0, series.times.length);
  // The running bar is not whole yet.
  const lately = totals(series, -4, -1).reduce((sum, n) => sum + n, 0) / (3 * series.step / 1000);
  const errors = (all[4] ?? 0) + (all[5] ?? 0);
  const logs = all.reduce((sum, n) => sum + n, 0);
  const rate = lately < 10 ? lately.toFixed(1).replace(/\.0$/u, "") : formatCount(Math.round(lately));
  return `${rate}/s now · ${plural(logs, "log")}${
    errors > 0 ? `, ${plural(errors, "error")}` : ""
  } in ${minutes} min`;
}

function pointed(series: RateSeries, at: number, timeOf: (time: number) => string): string {
  const parts = totals(series, at, at + 1).flatMap((n, level) =>
    n > 0 ? [`${formatCount(n)} ${LEVELS[level]}`] : []
  ).toReversed();
  return `${timeOf(series.times[at] ?? 0)} · ${parts.length > 0 ? parts.join(", ") : "no logs"}`;
}
