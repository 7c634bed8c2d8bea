/** What `--source wal` needs of PostgreSQL, and what to run where that is not there. Pure. */

import type { DatabaseProblem } from "./sse.ts";

/** How logs are heard: by LISTEN/NOTIFY, or by logical decoding of PostgreSQL's write-ahead log (WAL). */
export type Source = "notify" | "wal";

/** The publication that says what is decoded. */
export const PUBLICATION = "tailpost";

/** The names of slots begin so. */
export const SLOT_PREFIX = "tailpost_";

/** How many are in use, and how many there are. */
export interface Places {
  readonly used: number;
  readonly most: number;
}

/** The part of a diagnosis that is about logical decoding. */
export interface WalFacts {
  /** PostgreSQL's `wal_level`. */
  readonly level: string;
  /** Of the session, quoted as SQL takes it. */
  readonly account: string;
  readonly mayReplicate: boolean;
  /** Whether the publication is as `tailpost migrate --source wal` makes it; null where there is none. */
  readonly publication: boolean | null;
  /** Changes with every change of the publication that may keep logs back, also with one that was taken back. */
  readonly revision: string;
  readonly slots: Places;
  readonly senders: Places;
}

/** What can be wrong with it. */
export type WalProblemCode = "wal_level" | "no_replication" | "publication" | "slots_full";

/** A problem of `--source wal` alone. */
export interface WalProblem extends DatabaseProblem {
  readonly code: WalProblemCode;
}

/** All that is wrong, the most basic first. `hasSlot`: this server has its slot, and needs no other one. */
export function walProblems(facts: WalFacts, { hasSlot = false } = {}): WalProblem[] {
  const { level, account, slots, senders } = facts;
  const problems: WalProblem[] = [];
  if (level !== "logical") {
    problems.push({
      code: "wal_level",
      message: `PostgreSQL's wal_level is ${level}, and --source wal takes logical: ` +
        "ALTER SYSTEM SET wal_level = 'logical', then restart it (in managed databases a parameter such as " +
        "rds.logical_replication)",
    });
  }
  if (!facts.mayReplicate) {
    problems.push({
      code: "no_replication",
      message: `The account of DATABASE_URL may not replicate: ALTER ROLE ${account} REPLICATION ` +
        `(on Amazon RDS: GRANT rds_replication TO ${account})`,
    });
  }
  if (facts.publication !== true) {
    problems.push({
      code: "publication",
      message: `The publication ${PUBLICATION}, which says what is decoded, ` +
        `${facts.publication === null ? "is missing" : "is not what tailpost migrate made"}: ` +
        "run tailpost migrate --source wal",
    });
  }
  if (!hasSlot && slots.used >= slots.most) {
    problems.push({
      code: "slots_full",
      message: `PostgreSQL's replication slots are all in use (${slots.most}), and each server takes one: ` +
        "SELECT pg_drop_replication_slot(slot_name) of one that nobody needs (SELECT * FROM pg_replication_slots), " +
        "or raise max_replication_slots and restart it",
    });
  } else if (!hasSlot && senders.used >= senders.most) {
    problems.push({
      code: "slots_full",
      message: `PostgreSQL's WAL senders are all in use (${senders.most}), and each server takes one: ` +
        "end one that nobody needs (SELECT * FROM pg_stat_replication), or raise max_wal_senders and restart it",
    });
  }
  return problems;
}
