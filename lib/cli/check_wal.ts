/** What `serve --source wal` looks at before it listens. */

import { wait } from "../backoff.ts";
import { readFacts } from "../database_facts.ts";
import { walProblems } from "../wal_state.ts";
import { withConnection } from "./database.ts";
import { CommandError, say } from "./output.ts";

/** A server that has just ended may still have its slot: so often one is looked for, a second apart. */
const TRIES = 5;

/**
 * Makes sure that PostgreSQL can give the server a stream. What else may be wrong with a database may pass: the server tells of it.
 *
 * @throws {CommandError} saying what to run
 */
export async function checkWal(url: string, signal: AbortSignal): Promise<void> {
  for (let tries = 1;; tries++) {
    const { standby, schema, wal } = await withConnection(url, (sql) => readFacts(sql, { source: "wal" }));
    if (standby || schema === null || wal === null) return;
    const [problem] = walProblems(wal);
    if (!problem) return;
    if (problem.code !== "slots_full" || tries === TRIES) {
      throw new CommandError(`Cannot serve: ${problem.message}`);
    }
    if (tries === 1) say("Waiting for a free replication slot");
    await wait(1000, signal);
    if (signal.aborted) return;
  }
}
