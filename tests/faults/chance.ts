/** Chance for many that act at the same time. Pure. */

import { createDice, type Dice, seededRandom } from "../../lib/demo_traffic/random.ts";

export type { Dice } from "../../lib/demo_traffic/random.ts";

/** Dice of its own for each who acts: what one does then depends on the seed alone, not on who was faster. */
export function diceOf(seed: number, who: string): Dice {
  let mixed = seed >>> 0;
  // FNV-1a
  for (const byte of new TextEncoder().encode(who)) mixed = Math.imul(mixed ^ byte, 16_777_619);
  return createDice(seededRandom(mixed));
}

/** The list in another order. */
export function shuffled<T>(list: readonly T[], dice: Dice): T[] {
  const left = [...list];
  return list.map(() => left.splice(dice.int(0, left.length - 1), 1)[0] as T);
}
