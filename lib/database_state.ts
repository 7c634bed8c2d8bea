/** What can be wrong with a database that answers, told by a row of facts about it. Pure. */

import type { DatabaseProblem } from "./sse.ts";
import { type Source, type WalFacts, type WalProblemCode, walProblems } from "./wal_state.ts";

/** What {@link diagnose} judges by. */
export interface DatabaseFacts {
  /** In recovery: a hot standby. */
  readonly standby: boolean;
  /** How full the queue of notifications is, 0 to 1. */
  readonly queueUsage: number;
  /** Whether `logs` is found by the account's search path. */
  readonly hasTable: boolean;
  /** Whether a table of that name lies in a schema that the account may not use. */
  readonly hidden: boolean;
  /** Whether the account may read every column that is read. */
  readonly maySelect: boolean;
  /** `pg_trigger.tgenabled` of the trigger; null where there is none. */
  readonly triggerEnabled: string | null;
  /** Whether the trigger and its function are as the migration made them. */
  readonly triggerAsMade: boolean;
  /**
   * A pooler is between that keeps logs from being heard: one in transaction mode, where LISTEN does not work; with the source `wal`
   * any that does not carry replication.
   */
  readonly pooler: boolean;
  /** There are logs whose transactions this cluster has not begun yet. */
  readonly foreignLogs: boolean;
  /** What logical decoding needs. Null: the source is `notify`, and trigger and queue are judged. */
  readonly wal: WalFacts | null;
  /** With `wal`: this server has its slot. Default false. */
  readonly hasSlot?: boolean;
}

/** What can be wrong. */
export type ProblemCode =
  | "standby"
  | "pooler"
  | "no_table"
  | "no_privilege"
  | "trigger_missing"
  | "trigger_disabled"
  | "trigger_altered"
  | "queue_full"
  | "queue_filling"
  | "foreign_logs"
  | WalProblemCode;

/** A problem that is known. */
export interface KnownProblem extends DatabaseProblem {
  readonly code: ProblemCode;
}

/** From here on the trigger announces nothing, and from the second on no single logs (migrations/0002). */
const QUEUE_FULL = 0.45;
const QUEUE_FILLING = 0.25;

/** Without announcements the table is looked at with every probe. */
const LATE = "New logs appear up to ten seconds late";

/** Without a stream it is looked at more often. */
const SOON = "Until then logs come from the table, up to a second late";

const READER =
  "Find a session that listens and stays in a transaction (select pid, application_name, xact_start " +
  "from pg_stat_activity where state like 'idle in transaction%' order by xact_start) and end it";

/** Whoever runs this cannot do so while the queue is at such a number: the number is told in whole tens. */
const tens = (usage: number) => Math.floor(usage * 10) * 10;

/** What is wrong, and what to do about it; the most basic first. `null` when logs are announced and can be read. */
export function diagnose(facts: DatabaseFacts): KnownProblem | null {
  if (facts.standby) {
    return {
      code: "standby",
      message: "DATABASE_URL leads to a hot standby, which announces no logs: connect to the primary. " +
        "If this server is promoted, logs go on by themselves",
    };
  }
  if (!facts.hasTable && facts.hidden) {
    return {
      code: "no_privilege",
      message: "The account of DATABASE_URL may not use the schema that holds the table logs: " +
        "GRANT USAGE ON SCHEMA to it",
    };
  }
  if (!facts.hasTable) {
    return {
      code: "no_table",
      message:
        "The database has no table logs on the account's search path: restore it, or run tailpost migrate where " +
        "there never was one",
    };
  }
  if (!facts.maySelect) {
    return {
      code: "no_privilege",
      message: "The account of DATABASE_URL may not read the table logs: GRANT SELECT ON logs to it",
    };
  }
  if (facts.wal) return ofWal(facts.wal, facts) ?? ofLogs(facts);
  if (facts.pooler) {
    return {
      code: "pooler",
      message:
        "Connect directly to PostgreSQL: DATABASE_URL points at a pooler in transaction mode, such as " +
        `PgBouncer, where LISTEN does not work. ${LATE}`,
    };
  }
  return ofTrigger(facts) ?? ofQueue(facts) ?? ofLogs(facts);
}

function ofWal(wal: WalFacts, { pooler, hasSlot = false }: DatabaseFacts): KnownProblem | null {
  if (pooler) {
    return {
      code: "pooler",
      message:
        "Connect directly to PostgreSQL: DATABASE_URL points at a pooler, such as PgBouncer, which does not carry " +
        `replication, and in transaction mode no LISTEN either. ${SOON}`,
    };
  }
  const [problem] = walProblems(wal, { hasSlot });
  return problem ? { ...problem, message: `${problem.message}. ${SOON}` } : null;
}

function ofTrigger({ triggerEnabled, triggerAsMade }: DatabaseFacts): KnownProblem | null {
  if (triggerEnabled === null) {
    return {
      code: "trigger_missing",
      message:
        `The table logs has no trigger logs_notify, which announces new logs: run tailpost migrate. ${LATE}`,
    };
  }
  // O fires in ordinary sessions, A always, R only in replication, D never.
  if (triggerEnabled !== "O" && triggerEnabled !== "A") {
    return {
      code: "trigger_disabled",
      message: "The trigger logs_notify, which announces new logs, is disabled: " +
        `ALTER TABLE logs ENABLE TRIGGER logs_notify, or run tailpost migrate. ${LATE}`,
    };
  }
  if (!triggerAsMade) {
    return {
      code: "trigger_altered",
      message:
        "The trigger logs_notify or its function is not what the migration made, and may not announce " +
        `every log: run tailpost migrate. ${LATE}`,
    };
  }
  return null;
}

function ofQueue({ queueUsage }: DatabaseFacts): KnownProblem | null {
  if (queueUsage > QUEUE_FULL) {
    return {
      code: "queue_full",
      message:
        `PostgreSQL's queue of notifications is over ${tens(queueUsage)} percent full, and new logs are ` +
        `not announced. ${READER}. ${LATE}`,
    };
  }
  if (queueUsage > QUEUE_FILLING) {
    return {
      code: "queue_filling",
      message: `PostgreSQL's queue of notifications fills up: over ${tens(queueUsage)} percent. ${READER}`,
    };
  }
  return null;
}

function ofLogs({ foreignLogs }: DatabaseFacts): KnownProblem | null {
  if (!foreignLogs) return null;
  return {
    code: "foreign_logs",
    message:
      "The table logs holds rows with transaction ids of another cluster, from a restored dump or an " +
      "upgrade. New logs are shown, but such rows may appear as new some day: run tailpost migrate",
  };
}

const UNANNOUNCED: ReadonlySet<string> = new Set<ProblemCode>([
  "pooler",
  "trigger_missing",
  "trigger_disabled",
  "trigger_altered",
  "queue_full",
]);

/**
 * Whether logs are stored and readable without being announced, so that the table has to be asked for them. With `wal` a stream that
 * cannot be had does so by itself; one that runs does not notice when the publication holds less than it should.
 */
export function isUnannounced(problem: DatabaseProblem | null, source: Source = "notify"): boolean {
  if (problem === null) return false;
  return source === "wal" ? problem.code === "publication" : UNANNOUNCED.has(problem.code);
}

/** Whether `tailpost migrate` puts the trigger right. */
export function isTriggerProblem(problem: KnownProblem | null): boolean {
  return problem !== null && problem.code.startsWith("trigger_");
}
