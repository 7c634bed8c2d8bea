/** Lets the table be asked as long as commits are not heard, and tells people where that takes long. */

import { Pause } from "./pause.ts";

/** The table is asked so often, in milliseconds: at first, and then. */
const ASK = { first: 250, then: 1000 };

/** After so long people are told, in milliseconds. */
const TELL_AFTER = 3000;

/** What an {@link Asking} needs. */
export interface AskingOptions {
  /** Whether somebody watches and nothing is heard. */
  readonly isNeeded: () => boolean;
  readonly ask: () => void;
  /** Why nothing is heard. */
  readonly reason: () => string;
  /** Why commits are not heard for a while, `null` once that is over. */
  readonly onLate: (reason: string | null) => void;
  /** Ends it. Nobody is told of that. */
  readonly signal: AbortSignal;
}

/** See the module's comment. */
export class Asking {
  readonly #options: AskingOptions;
  readonly #pause: Pause;
  #running: Promise<void> | null = null;

  constructor(options: AskingOptions) {
    this.#options = options;
    this.#pause = new Pause(options.signal);
  }

  /** Settles when it has ended; null while it is not at work. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Asks until it is not needed any more. */
  begin(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      // It may have become needed again in the meantime.
      if (this.#options.isNeeded() && !this.#options.signal.aborted) this.begin();
    });
  }

  /** Looks at once whether it is needed. */
  look(): void {
    this.#pause.end();
  }

  async #run(): Promise<void> {
    const { isNeeded, ask, reason, onLate, signal } = this.#options;
    const began = performance.now();
    let told = false;
    for (let pause = ASK.first; isNeeded(); pause = ASK.then) {
      const isEarly = await this.#pause.of(pause);
      if (signal.aborted) return;
      if (isEarly || !isNeeded()) continue;
      ask();
      if (told || performance.now() - began < TELL_AFTER) continue;
      told = true;
      onLate(reason());
    }
    if (told) onLate(null);
  }
}
