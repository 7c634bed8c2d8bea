/** What `tailpost doctor` makes of what it has found: lines for people, and which source to use. Pure. */

import { type DatabaseFacts, diagnose } from "./database_state.ts";
import type { DatabaseProblem } from "./sse.ts";
import { type Source, type WalFacts, walProblems } from "./wal_state.ts";

/** What is between the server and PostgreSQL. `refuses`: a pooler that does not take the server's connections. */
export type Pooler = "none" | "session" | "transaction" | "refuses";

/** What happened in a database within so many seconds. */
export interface Traffic {
  readonly seconds: number;
  /** Logs that were inserted. */
  readonly logs: number;
  /** Transactions that were committed, also those that had nothing to do with logs. */
  readonly commits: number;
}

/** What was found. */
export interface Findings {
  /** The source that is configured. */
  readonly source: Source;
  readonly version: string;
  /** Migrations that were applied, and others; null where the account may not see them. */
  readonly migrations: { readonly applied: number; readonly others: number } | null;
  /** Of the database, but for what is told of a pooler. */
  readonly facts: Omit<DatabaseFacts, "pooler" | "wal"> & { readonly wal: WalFacts };
  readonly mayInsert: boolean;
  readonly pooler: Pooler;
  /** `max_slot_wal_keep_size`, as PostgreSQL shows it. */
  readonly keepSize: string;
  /** Null where it was not looked at. */
  readonly traffic: Traffic | null;
}

/** See {@link doctorReport}. */
export interface DoctorReport {
  /** What is there, by name. */
  readonly rows: readonly (readonly [name: string, text: string])[];
  /** What keeps the configured source from working; empty when it works. */
  readonly wrong: readonly string[];
}

/** From so many commits with logs a second on, NOTIFY makes them wait for each other. */
export const MANY_COMMITS = 500;

/** Judges both sources, and recommends one. */
export function doctorReport(findings: Findings): DoctorReport {
  const { source, version, facts, pooler, keepSize } = findings;
  const { wal } = facts;
  const wrong = { notify: problemsOf("notify", findings), wal: problemsOf("wal", findings) };
  const state = (of: Source): [string, string][] => {
    const name = `source ${of}${source === of ? " (configured)" : ""}`;
    const texts = wrong[of].length === 0 ? ["works"] : wrong[of].map(({ message }) => message);
    return texts.map((text, i) => [i === 0 ? name : "", text]);
  };
  const free = ({ used, most }: WalFacts["slots"]) => `${most - used} of ${most} are free`;
  return {
    rows: [
      ["PostgreSQL", facts.standby ? `${version}, a hot standby` : version],
      ["tables", tables(findings)],
      ["account", account(findings)],
      ["trigger", trigger(facts)],
      ["publication", wal.publication === null ? "missing" : wal.publication ? "as it should be" : "altered"],
      ["wal_level", wal.level],
      ["replication slots", free(wal.slots)],
      ["WAL senders", free(wal.senders)],
      ["max_slot_wal_keep_size", keepSize === "-1" ? "-1, no limit" : keepSize],
      ["pooler", POOLERS[pooler]],
      ["notification queue", `${Math.round(100 * facts.queueUsage)} percent full`],
      ["traffic", traffic(findings.traffic)],
      ...state("notify"),
      ...state("wal"),
      ["recommended", recommendation(findings, wrong)],
    ],
    wrong: wrong[source].map(({ message }) => message),
  };
}

const POOLERS: Readonly<Record<Pooler, string>> = {
  none: "none",
  session: "one is between, in session mode",
  transaction: "one is between, in transaction mode: LISTEN does not work",
  refuses: "one is between, and refuses the server's connections",
};

function tables({ migrations, facts }: Findings): string {
  if (migrations === null) return "the account may not see which migrations were applied";
  const { applied, others } = migrations;
  if (!facts.hasTable && applied === 0) return "none";
  return others === 0 ? `${applied} migrations, all applied` : `${applied} migrations applied, ${others} not`;
}

function account({ facts: { wal, maySelect, hasTable }, mayInsert }: Findings): string {
  const rights = [
    ...hasTable ? [maySelect ? "reads logs" : "may not read logs"] : [],
    ...hasTable ? [mayInsert ? "writes logs" : "may not write logs"] : [],
    wal.mayReplicate ? "may replicate" : "may not replicate",
  ];
  return `${wal.account}: ${rights.join(", ")}`;
}

function trigger({ triggerEnabled, triggerAsMade }: Findings["facts"]): string {
  if (triggerEnabled === null) return "missing";
  if (triggerEnabled !== "O" && triggerEnabled !== "A") return "disabled";
  return triggerAsMade ? "enabled" : "altered";
}

/** A number for people: one decimal where it is small. */
const rate = (count: number, seconds: number) => {
  const each = Math.max(0, count) / seconds;
  return each.toLocaleString("en", { maximumFractionDigits: each < 10 ? 1 : 0 });
};

function traffic(traffic: Traffic | null): string {
  if (traffic === null) return "not looked at";
  const { seconds, logs, commits } = traffic;
  return `${rate(logs, seconds)} logs/s, in at most ${rate(writes(traffic) * seconds, seconds)} of ` +
    `${rate(commits, seconds)} commits/s, within ${seconds} s`;
}

/** Commits a second that may have written logs: PostgreSQL does not count them by themselves. */
function writes({ seconds, logs, commits }: Traffic): number {
  return Math.max(0, Math.min(logs, commits)) / seconds;
}

function problemsOf(source: Source, { facts, migrations, pooler }: Findings): DatabaseProblem[] {
  const wal = source === "wal" ? facts.wal : null;
  const problem = diagnose({
    ...facts,
    wal,
    pooler: pooler === "transaction" || pooler === "refuses" || (pooler === "session" && wal !== null),
  });
  const ofWal = wal ? walProblems(wal, { hasSlot: facts.hasSlot ?? false }) : [];
  // Of those there may be many, and each takes a command of its own.
  const all = ofWal.some(({ code }) => code === problem?.code) ? ofWal : problem ? [problem] : [];
  const tables = migrations === null
    ? { code: "no_privilege", message: "The account may not read tailpost_migrations: GRANT SELECT ON it" }
    : migrations.others > 0 && facts.hasTable
    ? { code: "pending", message: `${migrations.others} migrations are not applied: run tailpost migrate` }
    : null;
  return tables === null ? all : [tables, ...all];
}

function recommendation(
  { traffic, source }: Findings,
  wrong: Readonly<Record<Source, readonly DatabaseProblem[]>>,
): string {
  if (traffic === null || writes(traffic) < MANY_COMMITS) {
    const known = traffic === null ? "" : ": few commits write logs, and it needs nothing else";
    return `notify${known}${
      source === "wal" && wrong.wal.length === 0 ? ". Staying with wal does no harm" : ""
    }`;
  }
  const many = "many commits write logs, and with notify each waits for the one before";
  if (wrong.wal.length === 0) return `wal: ${many}`;
  return `notify, until wal is set up (what it lacks is above): ${many}`;
}
