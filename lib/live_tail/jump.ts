/** Another place of the past in the list: around a time, or around a log. The live rows stay below it, and the reader can read on to them. */

import { batch, type Signal, signal } from "@preact/signals";
import { type LaterEntry, logEntry } from "./entries.ts";
import { FILL, idsIn, laterRange } from "./fill.ts";
import { fetchHistory } from "./history.ts";
import { liveRows, type TailList } from "./list.ts";

/** Where to look: at a time (ISO 8601), or around a log. */
export type Place = { readonly kind: "time"; readonly time: string } | {
  readonly kind: "log";
  readonly id: number;
};

/** Where the list is. */
export type Whereabouts =
  | { readonly kind: "live" }
  | { readonly kind: "loading"; readonly place: Place }
  | { readonly kind: "failed"; readonly place: Place; readonly problem: string }
  /** `isEnd`: no log of the filter is that late; the last ones before are shown. */
  | { readonly kind: "there"; readonly place: Place; readonly isEnd: boolean };

/** How many logs are shown before the place. */
const BEFORE = 100;

/** How many rows stay above what is fetched while a reader goes on towards the present. */
const MOST_ABOVE = 2000;

/** Looks at other places. */
export interface Jump {
  readonly whereabouts: Signal<Whereabouts>;
  go(place: Place): Promise<void>;
  /** Fetches the logs after those of the place; not `asked`: the reader has just come there. */
  loadLater(asked: boolean): Promise<void>;
  /** Back to the live rows alone. */
  leave(): void;
  /** The list was emptied: gives up what is being fetched. */
  reset(): void;
}

/** What it needs. */
export interface JumpOptions {
  readonly list: Signal<TailList>;
  /** The filter and the organization that the rows belong to. */
  readonly params: () => URLSearchParams;
  /** Called before rows come in. */
  readonly stay: () => void;
  /** Called with the ids that were fetched. */
  readonly note: (ids: readonly number[]) => void;
  /** Marks a row and brings it into view. */
  readonly show: (key: string) => void;
}

/** See the module's comment. */
export function createJump({ list, params, stay, note, show }: JumpOptions): Jump {
  const whereabouts = signal<Whereabouts>({ kind: "live" });
  let fetching = new AbortController();

  function stop(): AbortSignal {
    fetching.abort();
    fetching = new AbortController();
    return fetching.signal;
  }

  return {
    whereabouts,
    async go(place) {
      const signal = stop();
      whereabouts.value = { kind: "loading", place };
      const query = new URLSearchParams(params());
      if (place.kind === "time") query.set("at", place.time);
      const [before, after] = place.kind === "log" ? [place.id, place.id - 1] : [null, null];
      const known = new Set<number>();
      try {
        const [earlier, later] = await Promise.all([
          fetchHistory(query, { before, after: null }, { most: BEFORE, known, signal }),
          fetchHistory(query, { before: null, after }, { most: FILL, known, signal, order: "asc" }),
        ]);
        const first = later.logs[0] ?? earlier.logs[0];
        batch(() => {
          stay();
          whereabouts.value = { kind: "there", place, isEnd: later.logs.length === 0 };
          const live = liveRows(list.value);
          const there = idsIn({ ...list.value, rows: live });
          if (first && !there.has(first.id)) {
            const past = [...earlier.logs.toReversed(), ...later.logs].filter(({ id }) => !there.has(id));
            note(past.map(({ id }) => id));
            const isJoined = later.isAll || later.logs.some(({ id }) => there.has(id));
            // Gaps before the first log are part of what comes later.
            const rest = live.slice(Math.max(0, live.findIndex(({ kind }) => kind === "log")));
            const rows = [...past.map(logEntry), ...isJoined ? [] : [LATER], ...rest];
            list.value = { ...list.value, rows };
          }
          if (first) show(String(first.id));
        });
      } catch (error) {
        if (!signal.aborted) whereabouts.value = { kind: "failed", place, problem: textOf(error) };
      }
    },
    async loadLater(asked) {
      const entry = list.value.rows.find(({ kind }) => kind === "later");
      if (entry?.kind !== "later" || entry.fetch === "running" || (!asked && entry.fetch !== undefined)) {
        return;
      }
      const { signal } = fetching;
      const mark = (fetch: LaterEntry["fetch"]) => {
        const rows = list.value.rows.map((row) =>
          row.kind === "later" ? { ...LATER, ...fetch && { fetch } } : row
        );
        list.value = { ...list.value, rows };
      };
      batch(() => {
        stay();
        mark("running");
      });
      try {
        const { above, below } = around(list.value);
        const found = await fetchHistory(params(), laterRange(above, below), {
          ...{ most: FILL, known: idsIn(list.value), signal, order: "asc" },
        });
        note(found.logs.map(({ id }) => id));
        const now = around(list.value);
        const rows = [...now.above.slice(-MOST_ABOVE), ...found.logs.map(logEntry)];
        list.value = { ...list.value, rows: [...rows, ...found.isAll ? [] : [LATER], ...now.below] };
      } catch (error) {
        if (!signal.aborted) mark({ problem: textOf(error) });
      }
    },
    leave() {
      stop();
      batch(() => {
        whereabouts.value = { kind: "live" };
        list.value = { ...list.value, rows: liveRows(list.value) };
      });
    },
    reset() {
      stop();
      whereabouts.value = { kind: "live" };
    },
  };
}

const LATER: LaterEntry = { kind: "later", key: "later" };

function around({ rows }: TailList) {
  const at = rows.findIndex(({ kind }) => kind === "later");
  return { above: rows.slice(0, at), below: rows.slice(at + 1) };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
