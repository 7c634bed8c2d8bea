/** The strip's bars, by uPlot, which is fetched when there is something to draw. */

import type uPlot from "uplot";
import { LEVELS } from "../log.ts";
import type { RateSeries } from "./rate.ts";

/** What is drawn. */
export interface RateChart {
  draw(series: RateSeries): void;
  /** Points at a bar. */
  point(bar: number): void;
}

/** What the chart tells. */
export interface RateChartOptions {
  readonly isUtc: boolean;
  /** The bar under the mouse, `null` where there is none. */
  readonly point: (bar: number | null) => void;
  /** A time was clicked, or is the beginning of what was dragged over; in epoch milliseconds. */
  readonly pick: (time: number) => void;
  readonly ready: (chart: RateChart) => void;
}

const AXIS = 18;

/** Half the width of a time below the bars, in pixels. */
const HALF_LABEL = 26;

/** Draws into an element, as large as that is, and in the colours of the theme. The result ends it. */
export function startRateChart(frame: HTMLElement, options: RateChartOptions): () => void {
  const ended = new AbortController();
  void import("uplot").then(({ default: library }) => {
    if (!ended.signal.aborted) start(library, frame, options, ended.signal);
  }, () => {
    // Without it the page has no strip, and all else.
  });
  return () => ended.abort();
}

function start(
  library: typeof uPlot,
  frame: HTMLElement,
  { isUtc, point, pick, ready }: RateChartOptions,
  signal: AbortSignal,
): void {
  // Of an element, since a canvas knows nothing of themes.
  const probe = frame.appendChild(document.createElement("span"));
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  // The highest first: each is drawn over those before, so that bars seem to stand on each other.
  const bars = library.paths.bars?.({ size: [0.8, 40], align: 1 });
  const size = () => ({
    width: Math.max(50, frame.clientWidth),
    height: Math.max(AXIS + 10, frame.clientHeight),
  });
  let isDragged = false;
  const chart = new library(
    {
      ...size(),
      ms: 1,
      padding: [4, 0, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 5 } },
      ...isUtc ? { tzDate: (time: number) => library.tzDate(new Date(time), "UTC") } : {},
      scales: { x: { time: true }, y: { range: (_chart, _min, max) => [0, Math.max(4, max ?? 0)] } },
      axes: [
        {
          size: AXIS,
          gap: 2,
          font: "11px system-ui, sans-serif",
          stroke: () => colour("quiet"),
          grid: { show: false },
          ticks: { show: false },
          // One that would be cut off at an edge is left out.
          values: (chart, times) =>
            times.map((time) => {
              const x = chart.valToPos(time, "x");
              return x < HALF_LABEL || x > frame.clientWidth - HALF_LABEL ? "" : clockOf(time, isUtc);
            }),
        },
        { show: false },
      ],
      series: [
        {},
        ...LEVELS.map((level) => ({
          ...bars ? { paths: bars } : {},
          points: { show: false },
          stroke: () => colour(level),
          fill: () => colour(level),
          width: 0,
        })),
      ],
      hooks: {
        setCursor: [({ cursor }) => point(cursor.idx ?? null)],
        setSelect: [({ select, posToVal, data }) => {
          if (select.width < 5) return;
          isDragged = true;
          pick(nearest(data[0], posToVal(select.left, "x")));
        }],
      },
    },
    [[], ...LEVELS.map(() => [])],
    frame,
  );

  const onClick = () => {
    const time = chart.data[0][chart.cursor.idx ?? -1];
    if (!isDragged && time !== undefined) pick(time);
    isDragged = false;
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  };
  chart.over.addEventListener("click", onClick, { signal });
  const resized = new ResizeObserver(() => chart.setSize(size()));
  resized.observe(frame);
  // Colours are read when it is drawn.
  const repaint = () => chart.redraw(false);
  const themed = new MutationObserver(repaint);
  themed.observe(document.documentElement, { attributes: true });
  for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
    matchMedia(query).addEventListener("change", repaint, { signal });
  }
  signal.addEventListener("abort", () => {
    resized.disconnect();
    themed.disconnect();
    chart.destroy();
    probe.remove();
  });
  ready({
    draw({ times, counts }) {
      const [first = 0, last = 0] = [times[0], times.at(-1)];
      const stacked = counts.map((_, level) =>
        times.map((_, bar) =>
          counts.slice(0, LEVELS.length).reduce(
            (sum, numbers, other) => other >= level ? sum + (numbers[bar] ?? 0) : sum,
            0,
          )
        )
      );
      chart.setData([[...times], ...stacked], false);
      chart.batch(() => {
        chart.setScale("x", { min: first, max: last + (times[1] ?? first) - first });
        chart.setScale("y", { min: 0, max: Math.max(...stacked[0] ?? [0]) });
      });
    },
    point(bar) {
      chart.setCursor({ left: chart.valToPos(chart.data[0][bar] ?? 0, "x"), top: 0 }, false);
    },
  });
}

function nearest(times: ArrayLike<number>, time: number): number {
  return Array.from(times).findLast((each) => each <= time) ?? time;
}

function clockOf(time: number, isUtc: boolean): string {
  const date = new Date(time);
  const parts = isUtc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  const [hours, minutes, seconds] = parts.map((part) => String(part).padStart(2, "0"));
  return seconds === "00" ? `${hours}:${minutes}` : `${hours}:${minutes}:${seconds}`;
}
