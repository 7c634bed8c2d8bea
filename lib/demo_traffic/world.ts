/** What holds for the whole shop at the moment: incidents change it, requests feel it. */

import type { Dice } from "./random.ts";
import type { Line } from "./story.ts";

/** The state that stories share. */
export interface World {
  readonly dice: Dice;
  /** The payment provider: `slow` lets charges time out, `open` is the circuit breaker that spares it. */
  payments: "ok" | "slow" | "open";
  /** Whether the inventory waits for database connections. */
  poolExhausted: boolean;
  /** Orders waiting for the payment provider to come back. */
  parkedOrders: number;
  /** Logs a second over the usual while a spike lasts, else 0. */
  spike: number;
  /** Orders so far, so that their numbers rise. */
  orders: number;
}

/** A moment of a longer happening: lines to write, and a change of the world that comes with them. */
export interface Scene {
  /** Milliseconds from the happening's start. */
  readonly after: number;
  /** As a function where only the state of that moment can tell them. */
  readonly lines?: readonly Line[] | ((world: World) => readonly Line[]);
  readonly change?: (world: World) => void;
}

/** A quiet day. */
export function createWorld(dice: Dice): World {
  return {
    dice,
    payments: "ok",
    poolExhausted: false,
    parkedOrders: 0,
    spike: 0,
    orders: dice.int(48_000, 52_000),
  };
}
