/** A bound on how many queries the hub has running, so that a thousand viewers that return leave the pool to others. */

import type { HubStore } from "./ports.ts";

/** The same store, asked by at most `most` at a time; the others wait in the order in which they came. */
export function limitStore(store: HubStore, most: number): HubStore {
  const waiting: (() => void)[] = [];
  let running = 0;
  async function limited<T>(ask: () => Promise<T>): Promise<T> {
    if (running < most) running++;
    // Whoever ends hands its place on, so `running` stays as it is.
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await ask();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  }
  return {
    snapshot: () => limited(() => store.snapshot()),
    catchUp: (query) => limited(() => store.catchUp(query)),
    newest: (query) => limited(() => store.newest(query)),
    read: (organizationId, ids) => limited(() => store.read(organizationId, ids)),
  };
}
