/** What lies before the rows and between them: fetched when the reader comes to it. */

import { batch, type Signal, signal } from "@preact/signals";
import { canFill, fill, idsIn, isFull, mark, prepend, rangeBefore, rangeOf } from "./fill.ts";
import { fetchHistory } from "./history.ts";
import type { TailList } from "./list.ts";

/** What is known of the logs before the first row. */
export type Earlier =
  /** There may be some. */
  | { readonly kind: "unknown" }
  | { readonly kind: "loading" }
  /** The first row is the first log of all. `first` is its key: rows may be let go of later. */
  | { readonly kind: "none"; readonly first: string }
  /** The reader has emptied the list: they come when asked for. */
  | { readonly kind: "cleared" }
  | { readonly kind: "failed"; readonly problem: string };

/** The past of a list. */
export interface Past {
  readonly earlier: Signal<Earlier>;
  /** Fetches the newest logs of a gap; unless it was `asked` for not again after a failure. */
  fill(key: string, asked: boolean): Promise<void>;
  /** Fetches logs before the first row, unless there are none; unless `asked` for not after a failure, nor once the list was emptied. */
  load(asked: boolean): Promise<void>;
  /** Gives up what is being fetched, and forgets what was found out. */
  reset(earlier?: Earlier): void;
}

/** What it needs. */
export interface PastOptions {
  readonly list: Signal<TailList>;
  /** The filter and the organization that the rows belong to. */
  readonly params: () => URLSearchParams;
  /** Called before rows come in above: those at the bottom must not push them out again. */
  readonly stay: () => void;
  /** Called with the ids that were fetched. */
  readonly note: (ids: readonly number[]) => void;
}

/** See the module's comment. */
export function createPast({ list, params, stay, note }: PastOptions): Past {
  const earlier = signal<Earlier>({ kind: "unknown" });
  let fetching = new AbortController();

  async function fetchFor(range: Parameters<typeof fetchHistory>[1], most: number, signal: AbortSignal) {
    const found = await fetchHistory(params(), range, { most, known: idsIn(list.value), signal });
    note(found.logs.map(({ id }) => id));
    return found;
  }

  return {
    earlier,
    async fill(key, asked) {
      const entry = list.value.rows.find((row) => row.key === key);
      const range = rangeOf(list.value, key);
      if (entry?.kind !== "gap" || !range || !canFill(list.value, entry)) return;
      if (!asked && entry.fetch !== undefined) return;
      const { signal } = fetching;
      batch(() => {
        stay();
        list.value = mark(list.value, key, "running");
      });
      try {
        list.value = fill(list.value, key, await fetchFor(range, entry.gap.missed, signal));
      } catch (error) {
        if (!signal.aborted) list.value = mark(list.value, key, { problem: textOf(error) });
      }
    },
    async load(asked) {
      const { rows } = list.value;
      const { kind } = earlier.value;
      const [first] = rows;
      const range = rangeBefore(list.value);
      if (!first || !range || isFull(rows) || kind === "loading") return;
      if (earlier.value.kind === "none" && earlier.value.first === first.key) return;
      if (!asked && (kind === "cleared" || kind === "failed")) return;
      const { signal } = fetching;
      batch(() => {
        stay();
        earlier.value = { kind: "loading" };
      });
      try {
        const found = await fetchFor(range, Infinity, signal);
        batch(() => {
          // Rows have gone meanwhile: what was found does not join those that are left.
          const joins = list.value.rows[0]?.key === first.key;
          if (joins) list.value = prepend(list.value, found);
          const top = list.value.rows[0];
          earlier.value = joins && found.isAll && top
            ? { kind: "none", first: top.key }
            : { kind: "unknown" };
        });
      } catch (error) {
        if (!signal.aborted) earlier.value = { kind: "failed", problem: textOf(error) };
      }
    },
    reset(next = { kind: "unknown" }) {
      fetching.abort();
      fetching = new AbortController();
      earlier.value = next;
    },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
