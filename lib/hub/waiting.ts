/** Announcements that wait until a feed has caught up, under a bound. Pure. */

import type { Notification } from "../notification.ts";
import { MOST_WAITING } from "./bounds.ts";
import { readTogether } from "./read_back.ts";

/** A queue of them, in their order. */
export class Waiting {
  #notifications: Notification[] = [];
  #characters = 0;

  /** The one that is next, and those after it whose logs can be read with one query. Empty where none waits. */
  next(): readonly Notification[] {
    return readTogether(this.#notifications);
  }

  /** Adds one. `false` when that is too much: none waits any more, and what they told has to be caught up. */
  push(notification: Notification): boolean {
    this.#notifications.push(notification);
    this.#characters += charactersOf(notification);
    if (
      this.#notifications.length <= MOST_WAITING.announcements && this.#characters <= MOST_WAITING.characters
    ) return true;
    this.clear();
    return false;
  }

  /** Takes out what {@link next} gave, if that waits still. */
  shift(taken: readonly Notification[]): void {
    if (taken[0] === undefined || this.#notifications[0] !== taken[0]) return;
    this.#notifications.splice(0, taken.length);
    for (const notification of taken) this.#characters -= charactersOf(notification);
  }

  /** Takes out all. */
  clear(): void {
    this.#notifications = [];
    this.#characters = 0;
  }
}

/** Of the messages and metadata in it. */
function charactersOf({ logs }: Notification): number {
  let characters = 0;
  for (const log of logs) {
    if ("decoded" in log) {
      characters += log.decoded.whole.message.length + (log.decoded.metadata?.length ?? 0);
    } else if ("message" in log) characters += log.message.length;
  }
  return characters;
}
