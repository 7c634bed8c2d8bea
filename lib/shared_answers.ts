/** Answers of the database that many ask for at the same moment: asked once, kept for a few seconds, and so many of them. */

import { type Clock, systemClock } from "./clock.ts";

/** How answers are kept. */
export interface SharedAnswersOptions {
  /** How long one counts from when it came, in milliseconds. */
  readonly fresh: number;
  /** Answers that are kept; over it the oldest are forgotten. */
  readonly most: number;
  readonly clock?: Pick<Clock, "now">;
}

/** See the module's comment. Whose an answer is belongs into its key. */
export interface SharedAnswers<T> {
  /** What is known or being asked under a key; `undefined` where somebody has to ask. Needs no turn of the database. */
  known(key: string): Promise<T> | undefined;
  /** What is known, else what `run` finds. One that fails is forgotten: whoever comes next asks again. */
  ask(key: string, run: () => Promise<T>): Promise<T>;
  /** Answers that are kept. */
  readonly size: number;
}

interface Kept<T> {
  readonly answer: Promise<T>;
  /** When it stops to count; none while it is being asked. */
  until: number;
}

/** Makes them. */
export function createSharedAnswers<T>(
  { fresh, most, clock = systemClock }: SharedAnswersOptions,
): SharedAnswers<T> {
  const answers = new Map<string, Kept<T>>();

  function known(key: string): Promise<T> | undefined {
    const kept = answers.get(key);
    if (!kept || clock.now() < kept.until) return kept?.answer;
    answers.delete(key);
    return undefined;
  }

  function put(key: string, answer: Promise<T>): void {
    const kept: Kept<T> = { answer, until: Infinity };
    answers.set(key, kept);
    // An answer that was pushed out meanwhile is not in its own place any more.
    const isThere = () => answers.get(key) === kept;
    answer.then(
      () => kept.until = clock.now() + fresh,
      () => isThere() && answers.delete(key),
    );
    for (const oldest of answers.keys()) {
      if (answers.size <= most) break;
      answers.delete(oldest);
    }
  }

  return {
    known,
    ask(key, run) {
      const found = known(key);
      if (found) return found;
      const answer = run();
      put(key, answer);
      return answer;
    },
    get size() {
      return answers.size;
    },
  };
}
