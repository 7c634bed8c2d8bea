/** Writes the logs to measure: so many rows a transaction, evenly spaced, over a few connections. */

import postgres from "postgres";
import { micros, until } from "./clock.ts";
import { encodeMark } from "./scan.ts";
import { Histogram } from "./stats.ts";

/** Logs to write: {@link countOf} of them from the number `first` on. */
export interface Batch {
  readonly first: number;
  /** So many seconds at so many logs a second. */
  readonly seconds: number;
  readonly rate: number;
  /** Logs of an INSERT. */
  readonly rows: number;
  readonly signal: AbortSignal;
}

/** How many logs a batch has. */
export function countOf({ seconds, rate }: Pick<Batch, "seconds" | "rate">): number {
  return Math.ceil(seconds * rate);
}

/** What came of a batch. */
export interface Written {
  /** Rows whose INSERT was answered with success: these and no others are expected at the viewers. */
  readonly committed: number;
  readonly failed: number;
  /** Microseconds from sending an INSERT to its answer. */
  readonly roundTrip: Histogram;
  /** How long the batch took. */
  readonly seconds: number;
}

/** Statements on their way: over it the writer waits, and the log is late at its viewers, which counts. */
const MOST_UNANSWERED = 1000;

/** One alone cannot commit a thousand times a second where the disk takes a millisecond for each. */
const CONNECTIONS = 8;

/** Opens the writer's connections. */
export function openWriter(databaseUrl: string) {
  const sql = postgres(databaseUrl, {
    max: CONNECTIONS,
    onnotice: () => {},
    connection: { application_name: "bench writer" },
  });
  return {
    /** Versions and settings that the result depends on, and a process that serves one of these connections. */
    async describe() {
      const [row] = await sql<{ version: string; fsync: string; commit: string; pid: number }[]>`
        select current_setting('server_version') as version, current_setting('fsync') as fsync,
          current_setting('synchronous_commit') as commit, pg_backend_pid() as pid`;
      if (!row) throw new Error("Cannot describe PostgreSQL: no answer");
      return row;
    },
    async write({ first, seconds, rate, rows, signal }: Batch): Promise<Written> {
      const roundTrip = new Histogram();
      const unanswered = new Set<Promise<void>>();
      let [committed, failed] = [0, 0];
      const start = micros();
      const count = countOf({ seconds, rate });
      for (let index = 0; index < count; index += rows) {
        await until(start + (index * 1e6) / rate);
        signal.throwIfAborted();
        while (unanswered.size >= MOST_UNANSWERED) await Promise.race(unanswered);
        const sent = micros();
        const logs = Math.min(rows, count - index);
        const messages = Array.from({ length: logs }, (_, i) => encodeMark(first + index + i, sent));
        const answer: Promise<void> = sql`
          insert into logs (level, service, message)
          select 'info', 'bench', message from unnest(${messages}::text[]) as message`
          .then(() => {
            roundTrip.add(micros() - sent);
            committed += logs;
          }, () => {
            failed += logs;
          }).finally(() => unanswered.delete(answer));
        unanswered.add(answer);
      }
      await Promise.all(unanswered);
      await until(start + seconds * 1e6);
      return { committed, failed, roundTrip, seconds: (micros() - start) / 1e6 };
    },
    /** When each connection of a program last began a query, by the connection. */
    async queriesOf(application: string): Promise<ReadonlyMap<number, string>> {
      const rows = await sql<{ pid: number; began: string }[]>`
        select pid, query_start::text as began from pg_stat_activity
        where application_name like ${application + "%"}`;
      return new Map(rows.map(({ pid, began }) => [pid, began]));
    },
    [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }),
  };
}

/** See {@link openWriter}. */
export type Writer = ReturnType<typeof openWriter>;
