/** How rows look: what the View menu chooses, and how the choice is remembered. Pure. */

import { SPANS } from "./rate.ts";

/** How many rows may stand in the list. */
export const CAPS = [500, 1000, 2000, 5000, 10_000] as const;

/** What the time of a row is shown as. */
export const CLOCKS = ["local", "utc", "relative"] as const;

/** One of {@link CLOCKS}. */
export type Clock = (typeof CLOCKS)[number];

/** A reader's choice of how rows look. It belongs to the browser, not to the address: a link shows logs, not taste. */
export interface Display {
  /** Long messages go on in the next line. */
  readonly wrap: boolean;
  readonly clock: Clock;
  /** Whether times have milliseconds; relative ones never do. */
  readonly milliseconds: boolean;
  /** One of {@link CAPS}. */
  readonly cap: number;
  /** Whether equal logs that follow each other are one row. */
  readonly foldRepeats: boolean;
  /** Whether the strip of logs over time is shown, and over how many minutes (`SPANS`). */
  readonly strip: boolean;
  readonly minutes: number;
  /** Which columns are shown. */
  readonly time: boolean;
  readonly level: boolean;
  readonly service: boolean;
}

/** What is shown until a reader chooses. */
export const DEFAULT_DISPLAY: Display = {
  wrap: false,
  clock: "local",
  milliseconds: true,
  cap: CAPS[0],
  foldRepeats: false,
  strip: true,
  minutes: SPANS[0],
  time: true,
  level: true,
  service: true,
};

/** Reads a remembered choice. Forgiving: what another version or a person left there is the default. */
export function readDisplay(text: string | null): Display {
  const kept = parse(text);
  const flag = (name: "wrap" | "milliseconds" | "foldRepeats" | "strip" | "time" | "level" | "service") => {
    const value = kept[name];
    return typeof value === "boolean" ? value : DEFAULT_DISPLAY[name];
  };
  return {
    wrap: flag("wrap"),
    clock: CLOCKS.find((clock) => clock === kept.clock) ?? DEFAULT_DISPLAY.clock,
    milliseconds: flag("milliseconds"),
    cap: CAPS.find((cap) => cap === kept.cap) ?? DEFAULT_DISPLAY.cap,
    foldRepeats: flag("foldRepeats"),
    strip: flag("strip"),
    minutes: SPANS.find((minutes) => minutes === kept.minutes) ?? DEFAULT_DISPLAY.minutes,
    time: flag("time"),
    level: flag("level"),
    service: flag("service"),
  };
}

/** Writes a choice as {@link readDisplay} reads it. */
export function writeDisplay(display: Display): string {
  return JSON.stringify(display);
}

/** The classes of the list that carry the choice. */
export function displayClass({ wrap, clock, milliseconds, time, level, service }: Display): string {
  return [
    `time-${clock}`,
    wrap && "wrap",
    !milliseconds && "no-milliseconds",
    !time && "no-time",
    !level && "no-level",
    !service && "no-service",
  ].filter((name) => name !== false).join(" ");
}

function parse(text: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
