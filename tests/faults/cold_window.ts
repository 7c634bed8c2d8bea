/**
 * Which organizations are cold: nobody watches them, and writers write to them all the same. Pure.
 *
 * Writers keep to those next to which viewers come, and to those to which they just came: that is where a server has to be quick.
 */

import type { Dice } from "./chance.ts";

/** The cold organizations. After the last one it is the first one's turn again: the server has long forgotten it by then. */
const COLD = { first: 101, count: 60 } as const;

/** How many of those to come, of those that were just taken, and of those taken in the last while, are written to. */
const AHEAD = 2;
const BEHIND = 2;
const RECENT = 10;

/** See the module's comment. */
export class ColdWindow {
  /** How many were taken. */
  taken = 0;

  /** The next organization to be watched. */
  take(): number {
    return this.#at(this.taken++);
  }

  /** Those whose turn comes next. */
  get ahead(): number[] {
    return this.#from(this.taken, this.taken + AHEAD);
  }

  /** One to write to: several transactions a second for each that is about to be watched, few for those long gone. */
  pick(dice: Dice): number {
    const [from, to] = dice.weighted([
      [10, [this.taken - BEHIND, this.taken + AHEAD]],
      [7, [this.taken - RECENT, this.taken]],
      [3, [0, COLD.count]],
    ]);
    const some = this.#from(Math.max(from, 0), to);
    return dice.pick(some.length > 0 ? some : this.ahead);
  }

  #from(from: number, to: number): number[] {
    return Array.from({ length: Math.max(to - from, 0) }, (_, i) => this.#at(from + i));
  }

  #at(turn: number): number {
    return COLD.first + turn % COLD.count;
  }
}
