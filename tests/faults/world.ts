/** What a run consists of, for the faults that happen to it. */

import type { Dice } from "./chance.ts";
import type { ColdWindow } from "./cold_window.ts";
import type { WatchedFilter } from "./filters.ts";
import type { ServerUnderTest } from "./server.ts";
import type { FaultViewer } from "./viewer.ts";
import type { Proxy } from "../proxy.ts";
import type { TestServer } from "../postgres.ts";

/** How the server hears of logs: `TAILPOST_SOURCE`. */
export type SourceName = "notify" | "wal";

/** A viewer that was opened. */
export interface Opened {
  readonly viewer: FaultViewer;
  /** Waits until it was told that logs come through, and notes its beginning: what `readFirst` gives, if anything. */
  readonly begun: (readFirst?: () => Promise<string | null>) => Promise<void>;
}

/** The organizations that nobody watches until somebody comes, and their viewers. */
export interface Cold {
  readonly window: ColdWindow;
  readonly viewers: readonly FaultViewer[];
  /** Opens one more. */
  readonly open: (
    wanted: { readonly organizationId: number; readonly filter: WatchedFilter; readonly tail: number },
  ) => Opened;
  /** What may commit yet. */
  readonly writing: Set<Promise<unknown>>;
}

/** See the module's comment. */
export interface World {
  readonly source: SourceName;
  readonly postgres: TestServer;
  /** Of the database, as its owner and as the superuser; neither through the proxy. */
  readonly url: string;
  readonly superuserUrl: string;
  /** Between server and PostgreSQL. */
  readonly proxy: Proxy;
  readonly server: ServerUnderTest;
  /** Of the organizations that are watched all the time. */
  readonly viewers: readonly FaultViewer[];
  readonly cold: Cold;
  /** Opens one more viewer. */
  readonly openViewer: () => void;
  /** The first of so many numbers for messages. */
  readonly numbers: (count: number) => number;
  /** In words, whatever was wrong. */
  readonly problems: string[];
  /** What goes on beside the faults and ends by itself, or with the viewers. */
  readonly tasks: Promise<unknown>[];
  /** The longest that the server took to find a dead connection so far, in milliseconds. */
  slowestNotice: number;
  /** Nothing is to fail any more. */
  readonly until: AbortSignal;
  readonly signal: AbortSignal;
}

/** Whether a fault happened. `false`: it could not, and is tried again a little later. `null`: there is no need for it. */
export type Outcome = boolean | null;

/** A fault. */
export type Fault = (world: World, dice: Dice) => Promise<Outcome> | Outcome;
