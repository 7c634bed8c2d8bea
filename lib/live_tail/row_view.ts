/** How the rows of a list are drawn: the reader's choices, what is folded, and the time they are told by. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { DEFAULT_DISPLAY, type Display, readDisplay, writeDisplay } from "./display.ts";
import { shorten, type TailList } from "./list.ts";
import { entriesIn, foldRepeats, repeatsOf, type Shown, unfoldedRows } from "./repeats.ts";

/** A place for one text, which may forget it. Never throws. */
export interface Memory {
  readonly read: () => string | null;
  readonly write: (text: string) => void;
}

/** The rows as they are drawn. */
export interface RowView {
  readonly display: ReadonlySignal<Display>;
  readonly shown: ReadonlySignal<readonly Shown[]>;
  /** Keys of the rows whose message is shown with all its lines. */
  readonly unfolded: ReadonlySignal<ReadonlySet<string>>;
  /** The server's time in epoch milliseconds, for relative times. */
  readonly now: Signal<number>;
  /** Takes up what was chosen before. */
  restore(memory: Memory | null): void;
  /** Changes how rows look, and remembers it. */
  show(change: Partial<Display>): void;
  /** Shows all lines of a message, or one again. */
  toggleLines(key: string): void;
  /** Draws equal logs one by one, or as one row again. */
  toggleRepeats(key: string): void;
  /** How many entries of the list the first `rows` stand for. */
  entriesIn(rows: number): number;
}

/** Makes the view of a list. `isFollowing` tells whether old rows may go at any time. */
export function createRowView(list: Signal<TailList>, isFollowing: () => boolean): RowView {
  const display = signal<Display>(DEFAULT_DISPLAY);
  const unfolded = signal<ReadonlySet<string>>(new Set());
  const spread = signal<ReadonlySet<string>>(new Set());
  let memory: Memory | null = null;

  const shown = computed(() => {
    const { rows } = list.value;
    return display.value.foldRepeats ? foldRepeats(rows, spread.value) : unfoldedRows(rows);
  });

  /** The keys with some more or less, and without those whose rows are gone: so they are no more than rows. */
  function toggled(keys: ReadonlySet<string>, some: readonly string[]): ReadonlySet<string> {
    const there = new Set(list.value.rows.map(({ key }) => key));
    const next = new Set([...keys].filter((key) => there.has(key)));
    const isOn = some.some((key) => next.has(key));
    for (const key of some) {
      if (isOn) next.delete(key);
      else next.add(key);
    }
    return next;
  }

  return {
    display,
    shown,
    unfolded,
    now: signal(0),
    restore(given) {
      memory = given;
      display.value = readDisplay(memory?.read() ?? null);
    },
    show(change) {
      batch(() => {
        display.value = { ...display.value, ...change };
        // Whoever reads further up keeps their rows until they return.
        if (isFollowing()) list.value = shorten(list.value, display.value.cap);
      });
      memory?.write(writeDisplay(display.value));
    },
    toggleLines(key) {
      unfolded.value = toggled(unfolded.value, [key]);
    },
    toggleRepeats(key) {
      spread.value = toggled(spread.value, repeatsOf(list.value.rows, key));
    },
    entriesIn: (rows) => entriesIn(shown.value, rows),
  };
}
