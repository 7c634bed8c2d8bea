/** What a run consists of, for the faults that happen to it. */

import type { Dice } from "./chance.ts";
import type { ServerUnderTest } from "./server.ts";
import type { FaultViewer } from "./viewer.ts";
import type { Proxy } from "../proxy.ts";
import type { TestServer } from "../postgres.ts";

/** See the module's comment. */
export interface World {
  readonly postgres: TestServer;
  /** Of the database, as its owner and as the superuser; neither through the proxy. */
  readonly url: string;
  readonly superuserUrl: string;
  /** Between server and PostgreSQL. */
  readonly proxy: Proxy;
  readonly server: ServerUnderTest;
  readonly viewers: readonly FaultViewer[];
  /** Opens one more viewer. */
  readonly openViewer: () => void;
  /** The first of so many numbers for messages. */
  readonly numbers: (count: number) => number;
  /** Notes something that was wrong and is no log. */
  readonly blame: (problem: string) => void;
  /** What a fault has begun and what ends by itself, to be waited for at the end. */
  readonly background: (task: Promise<unknown>) => void;
  /** The longest that the server took to find a dead connection so far, in milliseconds. */
  slowestNotice: number;
  readonly signal: AbortSignal;
}

/** A fault. It gives `false` when it could not happen: then it is tried again a little later. */
export type Fault = (world: World, dice: Dice) => Promise<boolean> | boolean;
