/** Time for tests. */

import type { Clock } from "./clock.ts";

/** A clock that stands still until it is told. */
export class FakeClock implements Clock {
  /** How many milliseconds go by with each look at the clock: what is done in between takes so long. */
  perLook = 0;
  #now = 0;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    this.#now += this.perLook;
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass; what is due runs in its order. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = Math.max(this.#now, until);
  }
}
