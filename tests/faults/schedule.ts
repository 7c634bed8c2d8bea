/**
 * When which fault happens: lanes beside each other, each going round and round its kinds in an order of the seed's. After each
 * round there may be a rest: where faults follow faster than the machine gets over them nobody is told anything, and nothing found.
 */

import { wait } from "../../lib/backoff.ts";
import { diceOf, shuffled } from "./chance.ts";
import type { Fault, Outcome, World } from "./world.ts";

/** How often a fault is tried that could not happen at once. */
const TRIES = 5;

/** What {@link runLane} does. */
export interface Lane {
  readonly name: string;
  readonly faults: Readonly<Record<string, Fault>>;
  /** The pause between two, in milliseconds: from and to. */
  readonly pause: readonly [from: number, to: number];
  readonly rest?: () => Promise<unknown>;
}

/** Does one fault after another until the signal aborts, and counts them. Never rejects. */
export async function runLane(
  { name, faults, pause, rest }: Lane,
  { world, seed, counts, until, onFault }: {
    readonly world: World;
    readonly seed: number;
    readonly counts: Map<string, number>;
    readonly until: AbortSignal;
    /** Told of each fault that is over, and how long it took. */
    readonly onFault: (kind: string, milliseconds: number, done: boolean) => void;
  },
): Promise<void> {
  const dice = diceOf(seed, `lane ${name}`);
  const kinds = Object.entries(faults);
  for (const [kind] of kinds) counts.set(kind, 0);
  if (kinds.length === 0) return;
  for (;;) {
    for (const [kind, fault] of shuffled(kinds, dice)) {
      await wait(dice.int(...pause), until);
      // The same dice however often it is tried, so that the others do not depend on it.
      const own = dice.int(0, 2 ** 31);
      for (let tries = 0; tries < TRIES && !until.aborted; tries++) {
        const outcome = await attempt(kind, () => fault(world, diceOf(own, kind)));
        if (outcome) counts.set(kind, (counts.get(kind) ?? 0) + 1);
        if (outcome !== false) break;
        await wait(500, until);
      }
      if (until.aborted) return;
    }
    await rest?.();
  }

  async function attempt(kind: string, run: () => Promise<Outcome> | Outcome): Promise<Outcome> {
    const began = performance.now();
    let outcome: Outcome = false;
    try {
      return outcome = await run();
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      if (!world.signal.aborted) world.problems.push(`${kind}: ${reason}`);
      return false;
    } finally {
      if (outcome !== null) onFault(kind, performance.now() - began, outcome);
    }
  }
}
