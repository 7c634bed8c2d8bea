/** A story is what several services write about one thing that happened, over time. */

import type { Level } from "../log.ts";
import type { Dice } from "./random.ts";
import { drawShopper, type Shopper } from "./words.ts";

/** The services of the made-up shop, each in a language of its own. */
export const SERVICES = [
  "nginx",
  "gateway", // Go
  "auth", // Node
  "checkout", // Node
  "payments", // Java
  "inventory", // Go
  "search", // Python
  "mailer", // Python
  "worker", // Python
  "postgres",
] as const;

/** One of {@link SERVICES}. */
export type Service = (typeof SERVICES)[number];

/** The structured fields of a log. */
export type Fields = Record<string, unknown>;

/** A line of a story: when, counted in milliseconds from the story's start, and what. */
export interface Line {
  readonly after: number;
  readonly service: Service;
  readonly level: Level;
  readonly message: string;
  readonly metadata?: Fields;
}

/** A request on its way through the services. Its clock moves by {@link Story.takes}; lines come out in between. */
export interface Story {
  readonly requestId: string;
  readonly shopper: Shopper;
  readonly lines: Line[];
  /** Milliseconds since the story's start. */
  readonly elapsed: () => number;
  /** Moves the clock by a latency around `median` milliseconds and returns it, rounded as logs write it. */
  takes(median: number, sigma?: number): number;
  /** Writes a line: the request's id goes to the end of the message's first line, so that a text search finds all. */
  log(service: Service, level: Level, message: string, metadata?: Fields): void;
}

/** Begins the story of one request. */
export function startStory(dice: Dice): Story {
  const requestId = dice.hex(8);
  const traceId = dice.hex(32);
  const shopper = drawShopper(dice);
  const lines: Line[] = [];
  let clock = 0;
  return {
    requestId,
    shopper,
    lines,
    elapsed: () => Math.round(clock),
    takes: (median, sigma = 0.5) => {
      // No log-normal tail may keep a story open for minutes.
      const time = Math.min(dice.logNormal(median, sigma), median * 20);
      clock += time;
      return Math.max(1, Math.round(time));
    },
    log: (service, level, message, metadata) => {
      const [first = "", ...rest] = message.split("\n");
      const tagged = [`${first} req=${requestId}`, ...rest].join("\n");
      const ids = { requestId, traceId, spanId: dice.hex(16) };
      lines.push({ after: clock, service, level, message: tagged, metadata: { ...ids, ...metadata } });
    },
  };
}
