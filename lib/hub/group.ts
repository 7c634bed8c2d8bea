/** What a feed is made of: its options, the viewers that share a filter, and what they may want of the table. */

import { columnsKey, fieldsOf } from "../field_columns.ts";
import { type Filter, filterKey } from "../filter.ts";
import type { Log } from "../log.ts";
import { compileFilter, compileOrigin, looksAtMetadata, looksAtText, type Matcher } from "../match.ts";
import type { MetadataPath } from "../metadata_path.ts";
import { type DatabaseProblem, encodeCursor, encodeLog } from "../sse.ts";
import type { Backlogs } from "./backlog.ts";
import type { Feed } from "./feed.ts";
import type { HubStore } from "./ports.ts";
import type { FlushedLog, RecentLog } from "./recent.ts";
import type { Viewer } from "./viewer.ts";

const encoder = new TextEncoder();

/** Where whoever was written everything so far stands. */
export interface Place {
  readonly position: number;
  /** True there; null where none is to be told. */
  readonly cursor: string | null;
}

/** Logs as a viewer is written them, and how many they are. */
export interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly logs: number;
}

/** The key of the group with a filter and columns. */
export function groupKey(filter: Filter, columns: readonly MetadataPath[]): string {
  return `${filterKey(filter)} ${columnsKey(columns)}`;
}

/** The viewers of one filter, and of the same columns of metadata. The live ones are written the same bytes. */
export class Group {
  readonly key: string;
  readonly matcher: Matcher;
  readonly looksAtText: boolean;
  /** Whether its logs have to be read for their metadata. */
  readonly needsMetadata: boolean;
  /** Whether a log may match, by its level and service. */
  readonly isOfInterest: (log: Pick<Log, "level" | "service">) => boolean;
  /** Where metadata is needed: the newest position of the recent past at which it may lack. */
  undecided = -1;
  readonly live = new Set<Viewer>();
  readonly behind = new Set<Viewer>();
  /** @throws {FilterError} when the filter does not compile */
  constructor(readonly filter: Filter, readonly columns: readonly MetadataPath[] = []) {
    this.key = groupKey(filter, columns);
    this.isOfInterest = compileOrigin(filter);
    this.needsMetadata = columns.length > 0 || looksAtMetadata(filter);
    this.matcher = compileFilter(filter);
    this.looksAtText = looksAtText(filter);
  }

  /** The log as its viewers get it. */
  encode({ log, text, metadata = null }: RecentLog): string {
    return this.columns.length === 0 ? text : encodeLog({ ...log, fields: fieldsOf(metadata, this.columns) });
  }

  /** What viewers are written who are to get these logs: those that match, framed, and the cursor. `null` where none matches. */
  encodeAll(logs: readonly FlushedLog[], cursor: string | null): Piece | null {
    let text = "";
    let count = 0;
    for (const { recent, folded } of logs) {
      if (!this.matcher(recent.whole, folded, recent.metadata)) continue;
      text += this.encode(recent);
      count++;
    }
    if (count === 0) return null;
    return { bytes: encoder.encode(cursor === null ? text : text + encodeCursor(cursor)), logs: count };
  }

  /** A live viewer gets on by itself. */
  leaveBehind(viewer: Viewer): void {
    this.live.delete(viewer);
    this.behind.add(viewer);
  }

  /** What comes next does not follow on what the live viewers have: each gets on by itself. */
  lose(): void {
    for (const viewer of this.live) {
      viewer.lose();
      this.leaveBehind(viewer);
    }
  }
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
