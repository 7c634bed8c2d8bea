/** What a feed reads from the table for its viewers: once for all that ask the same, and not again for those who come soon after. */

import { asked } from "../cursor.ts";
import { type Backlog, type BacklogHolder, type Backlogs, encodeBacklog } from "./backlog.ts";
import { CATCH_UP_LIMIT, GAP_HEAD, KEPT_MILLISECONDS } from "./bounds.ts";
import type { Group, Wanted } from "./group.ts";
import type { Fetched, HubStore } from "./ports.ts";

/** Logs read from the table. */
export interface Fetch {
  readonly backlog: Promise<Backlog>;
  /** Where to go on in the recent past after it. */
  readonly from: number;
}

/** What {@link Fetches} needs. */
export interface FetchesOptions {
  readonly organizationId: number;
  readonly store: HubStore;
  readonly backlogs: Backlogs;
  readonly now: () => number;
  /** Ids that were handed on before a position. */
  readonly hadBefore: (position: number) => readonly number[];
  /** Which of the fetched logs come once more for whoever goes on from a position: those that are there, and that will be. */
  readonly comesAgain: (fetched: Fetched, from: number) => { here: Set<number>; later: Set<number> };
  /** Whether memory cannot tell any more what comes from a position on. */
  readonly isGivenUp: (group: Group, position: number) => boolean;
  /** Added to: questions to the table. */
  readonly counts: { fetches: number };
}

/** See the module's comment. A thousand viewers that were cut off at once return within seconds, with the same cursor. */
export class Fetches {
  readonly #options: FetchesOptions;
  readonly #fetches = new Map<string, Fetch>();
  readonly #kept = new Set<BacklogHolder & { readonly until: number }>();

  constructor(options: FetchesOptions) {
    this.#options = options;
  }

  /** Reads what a viewer wants, who goes on from `from` then, or from where an earlier one did. */
  fetch(group: Group, what: Wanted, from: number): Fetch {
    const key = JSON.stringify("tail" in what ? [what, group.key, from] : [what, group.key]);
    const known = this.#fetches.get(key);
    if (known && !this.#options.isGivenUp(group, known.from)) return known;
    this.#options.counts.fetches++;
    const backlog = "tail" in what ? this.#tail(group, what, from) : this.#catchUp(group, what, from);
    const fetch: Fetch = { backlog, from };
    this.#fetches.set(key, fetch);
    const forget = () => {
      if (this.#fetches.get(key) === fetch) this.#fetches.delete(key);
    };
    backlog.then((backlog) => {
      if ("tail" in what) forget();
      else if (this.#fetches.get(key) === fetch) this.#keep(backlog, forget);
    }, forget);
    return fetch;
  }

  /** Drops what was kept for long enough, or all of it, and then also what is still being read is for its askers alone. */
  drop(all = false): void {
    if (all) this.#fetches.clear();
    const until = all ? Infinity : this.#options.now();
    for (const holder of this.#kept) if (holder.until <= until) holder.dropBacklog();
  }

  /** A tail does not move the cursor: it may leave out logs that come from there on. */
  async #tail(
    group: Group,
    { tail, cursor }: Extract<Wanted, { tail: number }>,
    from: number,
  ): Promise<Backlog> {
    const { organizationId, store, comesAgain } = this.#options;
    const fetched = await store.newest({
      organizationId,
      filter: group.filter,
      columns: group.columns,
      limit: tail,
    });
    const { here, later } = comesAgain(fetched, from);
    const logs = fetched.logs.filter(({ log }) => !here.has(log.id));
    return encodeBacklog({ ...fetched, logs, cursor }, { again: later });
  }

  async #catchUp(
    group: Group,
    { since, place }: Extract<Wanted, { since: string }>,
    from: number,
  ): Promise<Backlog> {
    const { organizationId, store, comesAgain, hadBefore } = this.#options;
    const fetched = await store.catchUp({
      organizationId,
      filter: group.filter,
      columns: group.columns,
      limit: CATCH_UP_LIMIT,
      since,
      head: place === null ? GAP_HEAD : 0,
      had: place === null ? [] : hadBefore(place),
    });
    const { here, later } = comesAgain(fetched, from);
    return encodeBacklog({ ...fetched, cursor: asked(fetched.cursor) }, {
      since,
      again: here.union(later),
    });
  }

  /** Keeps what was fetched until others need the room or its time is over. */
  #keep(backlog: Backlog, forget: () => void): void {
    const holder = {
      until: this.#options.now() + KEPT_MILLISECONDS,
      dropBacklog: () => {
        this.#kept.delete(holder);
        this.#options.backlogs.release(backlog, holder);
        forget();
      },
    };
    this.#kept.add(holder);
    this.#options.backlogs.take(backlog, holder);
  }
}
