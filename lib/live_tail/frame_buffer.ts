/**
 * Between two frames: however many events arrive, the page renders once a frame, and where so many come that nobody reads
 * them as they pass, twenty times a second. A hidden tab gets no frames at all, so the buffer is bounded; what goes over
 * it is counted. Pure but for the scheduler and the clock it is given.
 */

import {
  addTally,
  type Entry,
  fitting,
  MOST_CHARACTERS,
  NO_TALLY,
  tally,
  tear,
  weight,
  widenGap,
} from "./entries.ts";
import { type Batch, LIST_CAP, type Overflow } from "./list.ts";

/** More than so many entries a frame are not read as they pass: they are shown every {@link PACE} milliseconds. */
const MANY = 4;
const PACE = 50;

/** Collects entries and hands them on once a frame. */
export interface FrameBuffer {
  /** Takes an entry and asks for a frame, unless one is coming. */
  push(entry: Entry): void;
  /** Takes an entry back that was not handed on yet. */
  drop(key: string): void;
  /** Throws away what has not been handed on. */
  clear(): void;
}

/** What a buffer needs. */
export interface FrameBufferOptions {
  /** Runs a function before the next repaint (`requestAnimationFrame`). */
  readonly schedule: (run: () => void) => void;
  /** Milliseconds. */
  readonly now: () => number;
  /** Gets what arrived since the last frame; never an empty batch. */
  readonly flush: (batch: Batch) => void;
  /** The most entries kept between two frames: as many as the list shows. */
  readonly bound?: () => number;
}

/** Makes a buffer. */
export function createFrameBuffer(
  { schedule, now, flush, bound = () => LIST_CAP }: FrameBufferOptions,
): FrameBuffer {
  let entries: Entry[] = [];
  let overflow: Overflow | null = null;
  /** Characters. */
  let held = 0;
  let scheduled = false;
  let flushed = -Infinity;

  /** Trims in steps of `bound`, so that an entry costs the same however many come. */
  function trim(): void {
    const surplus = entries.splice(0, entries.length - fitting(entries, bound()));
    held = entries.reduce((sum, entry) => sum + weight(entry), 0);
    if (surplus.length === 0) return;
    overflow = {
      gap: surplus.reduce(widenGap, overflow?.gap ?? null),
      torn: surplus.reduce(tear, overflow?.torn ?? null),
      tally: addTally(overflow?.tally ?? NO_TALLY, tally(surplus)),
    };
  }

  function forget(): void {
    entries = [];
    overflow = null;
    held = 0;
  }

  function ask(): void {
    if (scheduled) return;
    scheduled = true;
    schedule(frame);
  }

  function frame(): void {
    scheduled = false;
    if (entries.length > bound() || held > MOST_CHARACTERS) trim();
    if (entries.length === 0) return;
    const since = now() - flushed;
    // A clock that was set back is no reason to wait.
    if (since >= 0 && since < PACE && entries.length > MANY) return ask();
    flushed = now();
    const batch = { entries, overflow };
    forget();
    flush(batch);
  }

  return {
    push(entry) {
      entries.push(entry);
      held += weight(entry);
      if (entries.length >= 2 * bound() || held > 2 * MOST_CHARACTERS) trim();
      ask();
    },
    drop(key) {
      entries = entries.filter((entry) => entry.key !== key);
    },
    clear: forget,
  };
}
