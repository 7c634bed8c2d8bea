/** What a feed is made of: its options, the viewers that share a filter, and what they may want of the table. */

import type { Filter } from "../filter.ts";
import type { Matcher } from "../match.ts";
import type { DatabaseProblem } from "../sse.ts";
import type { Backlogs } from "./backlog.ts";
import type { Feed } from "./feed.ts";
import type { HubStore } from "./ports.ts";
import type { Viewer } from "./viewer.ts";

/** The viewers of one filter. */
export interface Group {
  readonly key: string;
  readonly filter: Filter;
  readonly matcher: Matcher;
  readonly looksAtText: boolean;
  readonly live: Set<Viewer>;
  readonly behind: Set<Viewer>;
  /** The cursor last written to the live viewers. */
  cursor: string | null;
}

/** The viewers of all groups. */
export function viewersOf(groups: ReadonlyMap<string, Group>): Viewer[] {
  return Array.from(groups.values(), ({ live, behind }) => [...live, ...behind]).flat();
}

/** What a viewer wants of the table: the newest logs before `cursor`, or what it has missed since. */
export type Wanted = { readonly tail: number; readonly cursor: string } | {
  readonly since: string;
  /** Its place, where it has lost one since: all before it was sent, also what the cursor has not seen. `null` for none. */
  readonly place: number | null;
};

/** What a feed needs. */
export interface FeedOptions {
  readonly organizationId: number;
  readonly store: HubStore;
  /** Asks for a {@link Feed.flush}. */
  readonly schedule: (feed: Feed) => void;
  /** Waits before trying a failed query again. */
  readonly pause: (attempt: number) => Promise<void>;
  readonly now: () => number;
  readonly backlogs: Backlogs;
  readonly onError: (message: string, error: unknown) => void;
  readonly onLeave: () => void;
  /** What is wrong with the database at the moment. */
  readonly problem: () => DatabaseProblem | null;
  /** Added to: logs taken in, logs written to viewers, questions to the table for viewers. */
  readonly counts: { logs: number; sent: number; fetches: number };
}
