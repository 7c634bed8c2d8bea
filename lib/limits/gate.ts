/** A gate: so many are at work, so many wait for their turn and no longer than so long, and all others are sent away at once. */

import type { Clock } from "../clock.ts";

/** How a gate is made. */
export interface GateOptions {
  readonly most: number;
  readonly mostWaiting: number;
  /** The longest that anybody waits, in milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
}

/** Why a gate let nobody in. `left`: whoever waited has gone. */
export type Closed = "full" | "late" | "left";

/** See the module's comment. */
export interface Gate {
  /**
   * Waits for a turn, in the order in which all came.
   *
   * @returns what ends the turn, to be called once; or why there is none
   */
  enter(signal?: AbortSignal): Promise<(() => void) | Closed>;
  readonly working: number;
  readonly waiting: number;
}

/** Makes a gate. */
export function createGate({ most, mostWaiting, patience, clock }: GateOptions): Gate {
  const waiting = new Set<() => void>();
  let working = 0;

  /** Hands the place on to who waits longest, so `working` stays as it is. */
  function turn(): () => void {
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const [next] = waiting;
      if (next) next();
      else working--;
    };
  }

  return {
    enter(signal) {
      if (signal?.aborted) return Promise.resolve("left");
      if (working < most) {
        working++;
        return Promise.resolve(turn());
      }
      if (waiting.size >= mostWaiting) return Promise.resolve("full");
      const { promise, resolve } = Promise.withResolvers<(() => void) | Closed>();
      const leave = (outcome: (() => void) | Closed) => {
        waiting.delete(come);
        cancel();
        signal?.removeEventListener("abort", go);
        resolve(outcome);
      };
      const come = () => leave(turn());
      const go = () => leave("left");
      const cancel = clock.after(patience, () => leave("late"));
      signal?.addEventListener("abort", go);
      waiting.add(come);
      return promise;
    },
    get working() {
      return working;
    },
    get waiting() {
      return waiting.size;
    },
  };
}
