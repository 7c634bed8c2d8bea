/** A wait that may be ended early, again and again, and leaves nothing behind where it is ended. */

import { wait } from "../backoff.ts";

/** See the module's comment. */
export class Pause {
  readonly #signal: AbortSignal;
  #current = new AbortController();

  /** Once the signal aborts there is no wait any more. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.end(), { once: true });
  }

  /** Waits, in milliseconds. Says whether it was ended early. One at a time. */
  async of(milliseconds: number): Promise<boolean> {
    if (this.#signal.aborted) return true;
    const { signal } = this.#current = new AbortController();
    await wait(milliseconds, signal);
    return signal.aborted;
  }

  /** Ends the wait that is under way, if any. */
  end(): void {
    this.#current.abort();
  }
}
