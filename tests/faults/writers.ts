/** Writers: each has one connection, makes another one when it is lost, and does not care for what became of its work. */

import postgres from "postgres";
import { wait } from "../../lib/backoff.ts";
import { diceOf } from "./chance.ts";
import { type Work, writeOnce } from "./traffic.ts";

/** How the writers' connections name themselves. */
export const WRITER = "faults-writer";

/** The longest that one piece of work may take, in milliseconds: of a connection that is lost postgres.js does not always tell. */
const PATIENCE = 10_000;

/** What writers need. */
export interface WritersOptions extends Omit<Work, "dice"> {
  readonly url: string;
  readonly seed: number;
  readonly writers: number;
}

/** A client of one connection that is never made again: whoever loses it opens another client. */
export function openClient(url: string, name: string, max = 1): postgres.Sql {
  return postgres(url, {
    max,
    connect_timeout: 5,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: name },
  });
}

/** Runs with a client of its own, for no longer than `milliseconds`. */
export async function withClient<T>(
  url: string,
  milliseconds: number,
  run: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  const sql = openClient(url, "faults");
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("PostgreSQL did not answer in time")), milliseconds);
  try {
    return await Promise.race([run(sql), late.promise]);
  } finally {
    clearTimeout(timer);
    await sql.end({ timeout: 0 }).catch(() => {});
  }
}

/** Writes until the signal aborts. Never rejects. */
export async function runWriters(options: WritersOptions): Promise<void> {
  const { url, seed, writers, signal } = options;
  await Promise.all(Array.from({ length: writers }, async (_, i) => {
    const dice = diceOf(seed, `writer ${i}`);
    while (!signal.aborted) {
      const sql = openClient(url, WRITER);
      try {
        while (!signal.aborted) {
          const late = new AbortController();
          const work = writeOnce(sql, { ...options, dice }).finally(() => late.abort());
          const timer = wait(PATIENCE, late.signal).then(() => {
            if (!late.signal.aborted) throw new Error("PostgreSQL did not answer in time");
          });
          work.catch(() => {});
          await Promise.race([work, timer]);
          await wait(dice.exponential(250), signal);
        }
      } catch {
        // Committed or not: the table tells.
        await wait(dice.int(50, 300), signal);
      } finally {
        await sql.end({ timeout: 0 }).catch(() => {});
      }
    }
  }));
}
