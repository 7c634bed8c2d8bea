/** A bound on how many queries the hub has running, so that a thousand viewers that return leave the pool to others. */

import { looksInside } from "../match.ts";
import type { Filter } from "../filter.ts";
import type { HubStore } from "./ports.ts";

/**
 * The same store, asked by at most `most` at a time; the others wait in the order in which they came. Questions with a filter on
 * text or metadata may take long, for they look into every message: they leave one place to the others.
 */
export function limitStore(store: HubStore, most: number): HubStore {
  const waiting: { readonly long: boolean; readonly begin: () => void }[] = [];
  let running = 0;
  let long = 0;

  const mayBegin = (question: { readonly long: boolean }) =>
    running < most && (!question.long || long < Math.max(1, most - 1));

  async function limited<T>(ask: () => Promise<T>, isLong = false): Promise<T> {
    const turn = Promise.withResolvers<void>();
    waiting.push({ long: isLong, begin: turn.resolve });
    beginNext();
    await turn.promise;
    try {
      return await ask();
    } finally {
      running--;
      if (isLong) long--;
      beginNext();
    }
  }

  function beginNext(): void {
    const at = waiting.findIndex(mayBegin);
    const [next] = at < 0 ? [] : waiting.splice(at, 1);
    if (!next) return;
    running++;
    if (next.long) long++;
    next.begin();
  }

  const isLong = ({ filter }: { readonly filter: Filter }) => looksInside(filter);
  return {
    snapshot: () => limited(() => store.snapshot()),
    catchUp: (query) => limited(() => store.catchUp(query), isLong(query)),
    newest: (query) => limited(() => store.newest(query), isLong(query)),
    read: (...asked) => limited(() => store.read(...asked)),
  };
}
