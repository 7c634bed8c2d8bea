/** The log traffic of a shop that does not exist, for `tailpost demo`: a pure generator, and a writer in run_traffic. */

import type { Level } from "./log.ts";
import { drawBackground } from "./demo_traffic/background.ts";
import { deploy, drawHappening, type Happening, paymentsTimeOut, spike } from "./demo_traffic/happenings.ts";
import { createDice, type Random, seededRandom } from "./demo_traffic/random.ts";
import { drawRequest } from "./demo_traffic/requests.ts";
import type { Line } from "./demo_traffic/story.ts";
import { createTimeline } from "./demo_traffic/timeline.ts";
import { createWorld } from "./demo_traffic/world.ts";

export { type Random, seededRandom } from "./demo_traffic/random.ts";
export { SERVICES } from "./demo_traffic/story.ts";
export { runTraffic, type RunTrafficOptions } from "./demo_traffic/run_traffic.ts";

/** A log as `POST /api/logs` takes it. */
export interface DemoLog {
  readonly message: string;
  readonly level: Level;
  readonly service: string;
  /** ISO 8601 in UTC: the moment it is meant to have been written, not that of the step that gave it. */
  readonly timestamp: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What is to be written now, oldest first, and how long to wait for the next step. */
export interface Step {
  readonly logs: readonly DemoLog[];
  /** Milliseconds, from 20 to 1,000. */
  readonly wait: number;
}

/** A run of made-up traffic. */
export interface Traffic {
  /** All that has happened since the last step, at most {@link TRAFFIC_BOUNDS}`.stepLogs`. */
  step(): Step;
}

/** How to make traffic. */
export interface TrafficOptions {
  /** The same chance and the same times of steps give the same traffic. */
  readonly random?: Random;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Multiplies the usual 4 to 13 logs a second. From 0.01 to 100. */
  readonly rate?: number;
  /** Lets the first step give up to so many logs of the time before it. At most 10,000. */
  readonly history?: number;
}

/** The limits of {@link createTraffic}. */
export const TRAFFIC_BOUNDS = {
  stepLogs: 2000,
  history: 10_000,
  historySpan: 900_000,
  rate: [0.01, 100],
} as const;

/** Logs a second of a calm moment, before the wave: requests only. */
const CALM = 9.5;
/** What a request writes on average, measured; turns logs a second into requests a second. */
const LINES_PER_REQUEST = 5.5;
/** A day of this shop, from quiet to busy and back, in milliseconds. */
const DAY = 480_000;
/** Milliseconds between happenings in the background. */
const BACKGROUND = 1300;
/** Later than this, in milliseconds, what is due is not made up for: the machine was asleep, or its clock was set. */
const LEAP = 5000;

/** Begins the traffic. Its first minutes show what it can do: a spike, a deploy, an incident; then chance decides. */
export function createTraffic(options: TrafficOptions = {}): Traffic {
  const { random = seededRandom(1), now = Date.now, history = 0 } = options;
  const rate = clamp(options.rate ?? 1, ...TRAFFIC_BOUNDS.rate);
  const dice = createDice(random);
  const world = createWorld(dice);
  const timeline = createTimeline<Line | ((at: number) => void)>();
  const openers: Happening[] = [spike, deploy, paymentsTimeOut];
  let clock = now();

  const kept = clamp(Math.floor(history), 0, TRAFFIC_BOUNDS.history);
  const span = Math.min(TRAFFIC_BOUNDS.historySpan, (kept / (CALM * rate)) * 2000);
  const begin = clock - span;
  let past: readonly DemoLog[] | undefined;

  const write = (at: number, lines: readonly Line[]) => {
    for (const line of lines) timeline.add(at + line.after, line);
  };
  /** Waits for the next request, and looks again every half a second, so that a spike begins and ends on time. */
  const listen = (at: number) => {
    const wave = 1 + 0.5 * Math.sin((2 * Math.PI * (at - begin)) / DAY);
    const perSecond = ((CALM * wave + world.spike) / LINES_PER_REQUEST) * rate;
    // Waiting has no memory: to draw anew after half a second changes nothing.
    const next = dice.exponential(1000 / perSecond);
    timeline.add(at + Math.min(next, 500), next < 500 ? request : listen);
  };
  const request = (at: number) => {
    write(at, drawRequest(world));
    listen(at);
  };
  const background = (at: number) => {
    write(at, drawBackground(world));
    timeline.add(at + dice.exponential(BACKGROUND / rate), background);
  };
  const happening = (at: number) => {
    const opener = openers.shift();
    const scenes = (opener ?? drawHappening(dice))(dice);
    for (const { after, lines = [], change } of scenes) {
      timeline.add(at + after, (moment) => {
        change?.(world);
        write(moment, typeof lines === "function" ? lines(world) : lines);
      });
    }
    const lasts = Math.max(...scenes.map(({ after }) => after));
    timeline.add(at + lasts + 6000 + (opener ? 0 : dice.exponential(25_000)), happening);
  };

  /** Lets everything due by `time` happen, up to `most` logs. */
  const advance = (time: number, most: number): DemoLog[] => {
    const logs: DemoLog[] = [];
    while (timeline.due <= time && logs.length < most) {
      const next = timeline.take();
      if (!next) break;
      if (typeof next.entry === "function") next.entry(next.at);
      else logs.push(toLog(next.at, next.entry));
    }
    return logs;
  };

  timeline.add(begin, listen);
  timeline.add(begin, background);
  timeline.add(clock + 9000, happening);

  return {
    step() {
      const time = now();
      if (past === undefined) {
        past = kept === 0 ? [] : advance(clock, Infinity).slice(-kept);
        clock = time;
        return { logs: past, wait: waitFor(timeline.due - time) };
      }
      if (time - timeline.due > LEAP) timeline.shift(time - timeline.due);
      else if (clock - time > LEAP) timeline.shift(time - clock);
      clock = time;
      const logs = advance(time, TRAFFIC_BOUNDS.stepLogs);
      return { logs, wait: waitFor(timeline.due - time) };
    },
  };
}

function toLog(at: number, { level, service, message, metadata }: Line): DemoLog {
  const timestamp = new Date(Math.floor(at)).toISOString();
  return { message, level, service, timestamp, ...(metadata && { metadata }) };
}

/** Not so short that a spike becomes an insert a row, not so long that a stop or a set clock goes unseen. */
function waitFor(milliseconds: number): number {
  return clamp(Math.ceil(milliseconds), 20, 1000);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
