/**
 * Puts right what became wrong with applied migrations: a trigger that was dropped, disabled or edited, and logs that came
 * with the transaction ids of another cluster; with the source `wal`, a publication in place of the trigger. `tailpost migrate` does it
 * after what is pending, under the same lock.
 */

import type postgres from "postgres";
import { expectedBody, factsOf, readFacts } from "./database_facts.ts";
import { diagnose, isTriggerProblem, type KnownProblem } from "./database_state.ts";
import { countForeignLogs, foreignOrganizations, mendForeignLogs } from "./foreign_logs.ts";
import {
  label,
  type MigrateOptions,
  type Migration,
  MigrationError,
  migrationStatus,
  readMigrations,
} from "./migrations.ts";
import { cancellable, lock, LOCK_NOT_AVAILABLE, setTimeouts, sqlState } from "./migrations/_lock.ts";
import { SETUP_RIGHTS, walSetupSql } from "./wal_setup.ts";
import type { Source } from "./wal_state.ts";

/** What has to be put right, or was. */
export interface Repairs {
  /** What is wrong besides the migrations and {@link setup}; only that of the trigger can be put right here. */
  readonly problem: KnownProblem | null;
  /** The SQL that makes the trigger again; null where it is as it was made. */
  readonly trigger: string | null;
  /** The SQL that sets the database up for the source `wal`; null where it is, and with another source. */
  readonly setup: string | null;
  /** Logs with foreign transaction ids. */
  readonly foreignLogs: number;
}

/** What {@link inspectRepairs} takes. */
export interface InspectOptions extends Pick<MigrateOptions, "migrations"> {
  /** How servers hear logs. Default `notify`: by the trigger. */
  readonly source?: Source;
}

/** What {@link repair} takes. */
export interface RepairOptions extends Omit<MigrateOptions, "onProgress">, InspectOptions {
  /** Another program migrates: it is waited for. */
  readonly onWaiting?: (seconds: number) => void;
  /** Called before logs are mended, which takes a while where they are many, and after each batch. */
  readonly onMended?: (rows: number) => void;
}

/** Tells what is to be put right. Only reads. Where migrations are pending that is nothing: they come first. */
export async function inspectRepairs(
  sql: postgres.Sql,
  options: InspectOptions = {},
): Promise<Repairs> {
  const migrations = options.migrations ?? await readMigrations();
  const status = await migrationStatus(sql, { migrations });
  if (status.some(({ state }) => state !== "applied")) {
    return { problem: null, trigger: null, setup: null, foreignLogs: 0 };
  }
  const { problem, trigger, setup } = await inspectSource(sql, migrations, options.source);
  const readable = problem?.code !== "no_table" && problem?.code !== "no_privilege";
  return { problem, trigger, setup, foreignLogs: readable ? await countForeignLogs(sql) : 0 };
}

/**
 * Puts right what {@link inspectRepairs} finds. Two programs may do so at once. Logs are mended some thousands at a time, each
 * in a transaction of its own: what was mended stays so, whatever comes after.
 *
 * @returns what was put right; for a dry run, what would be
 * @throws {MigrationError}
 */
export async function repair(sql: postgres.Sql, options: RepairOptions = {}): Promise<Repairs> {
  const migrations = options.migrations ?? await readMigrations();
  const found = await inspectRepairs(sql, { ...options, migrations });
  if (options.dryRun || found.problem?.code === "standby") return found;
  if (found.trigger !== null) await repairTrigger(sql, migrations, options);
  if (found.setup !== null) await setUpWal(sql, migrations, options);
  return { ...found, foreignLogs: found.foreignLogs > 0 ? await mendAll(sql, options) : 0 };
}

async function repairTrigger(
  sql: postgres.Sql,
  migrations: readonly Migration[],
  options: RepairOptions,
): Promise<void> {
  await locked(sql, "make the trigger logs_notify again", options, async (sql) => {
    const { trigger, schema } = await inspectSource(sql, migrations);
    if (trigger === null) return;
    // Where the table is, and not where the search path of this account begins.
    await sql`
      select set_config('search_path', quote_ident(${schema}) || ', ' || current_setting('search_path'), true)`;
    await cancellable(sql.unsafe(trigger).simple(), options.signal);
  });
}

async function setUpWal(
  sql: postgres.Sql,
  migrations: readonly Migration[],
  options: RepairOptions,
): Promise<void> {
  try {
    await locked(sql, "set up for --source wal", options, async (sql) => {
      const { setup } = await inspectSource(sql, migrations, "wal");
      if (setup !== null) await cancellable(sql.unsafe(setup).simple(), options.signal);
    });
  } catch (error) {
    const refused = error instanceof MigrationError && sqlState(error.cause) === "42501";
    if (!refused) throw error;
    throw new MigrationError("failed", `${error.message}. ${SETUP_RIGHTS}`, { cause: error.cause });
  }
}

async function mendAll(sql: postgres.Sql, options: RepairOptions): Promise<number> {
  let mended = 0;
  options.onMended?.(mended);
  for (;;) {
    const organizations = await foreignOrganizations(sql);
    if (organizations.length === 0) return mended;
    const before = mended;
    for (const organization of organizations) {
      for (let count = -1; count !== 0;) {
        count = await locked(sql, "mend logs", options, (sql) => mendForeignLogs(sql, organization));
        mended += count;
        if (count > 0) options.onMended?.(mended);
      }
    }
    // Rows that this account sees and may not change (row security): they would be found for ever.
    if (mended === before) return mended;
  }
}

/**
 * Runs in a transaction that holds the lock of migrations.
 *
 * @throws {MigrationError} with `what` that could not be done
 */
export async function locked<T>(
  sql: postgres.Sql,
  what: string,
  { waitSeconds = 60, lockSeconds = 5, signal, onWaiting }: RepairOptions,
  run: (sql: postgres.TransactionSql) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await sql.begin("isolation level read committed read write", async (sql) => {
      await lock(sql, { waitSeconds, signal, onWaiting: () => onWaiting?.(waitSeconds) });
      await setTimeouts(sql, lockSeconds);
      return await run(sql);
    }) as T;
  } catch (error) {
    signal?.throwIfAborted();
    const state = sqlState(error);
    if (error instanceof MigrationError || !/^[0-9A-Z]{5}$/u.test(state ?? "")) throw error;
    throw state === LOCK_NOT_AVAILABLE
      ? new MigrationError(
        "busy",
        `Cannot ${what}: the table logs was in use for ${lockSeconds} seconds. Migrate again, at a quieter moment ` +
          "if this repeats",
        { cause: error },
      )
      : new MigrationError("failed", `Cannot ${what}: ${(error as Error).message}`, { cause: error });
  }
}

async function inspectSource(sql: postgres.ISql, migrations: readonly Migration[], source?: Source) {
  const row = await readFacts(sql, source && { source });
  const facts = factsOf(row, await expectedBody(migrations));
  const setup = await walSetupSql(sql, row);
  // What is set up is not wrong any more, and what else is comes to light.
  const wal = facts.wal && setup !== null ? { ...facts.wal, publication: true } : facts.wal;
  const problem = diagnose({ ...facts, wal, pooler: false, foreignLogs: false });
  const trigger = isTriggerProblem(problem) ? await triggerSql(sql, migrations) : null;
  return { problem, trigger, setup, schema: row.schema };
}

/** The migrations' own SQL, made to replace what is there, with the preview's length that is set now. */
async function triggerSql(sql: postgres.ISql, migrations: readonly Migration[]): Promise<string> {
  const made = migrations.filter(({ up }) => up.includes("function logs_notify()"));
  if (made.length === 0) throw new RangeError("no migration makes the trigger logs_notify");
  const [row] = await sql<{ argument: string }[]>`
    select encode(tgargs, 'escape') as argument from pg_trigger
    where tgrelid = to_regclass('logs') and tgname = 'logs_notify'`;
  const preview = /^\d{1,9}(?=\\000$)/u.exec(row?.argument ?? "")?.[0];
  return made.map((migration) => {
    const replacing = migration.up.replace(/^create (function|trigger) /gmu, "create or replace $1 ");
    const named = preview === undefined ? replacing : replacing.replace(
      /execute function logs_notify\(\d+\);/u,
      `execute function logs_notify(${preview});`,
    );
    return `-- ${label(migration)}, again\n${named}`;
  }).join("\n");
}
