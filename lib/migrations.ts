/**
 * The numbered SQL of `migrations/`: reading it, applying it, reverting it, and telling where a database stands.
 *
 * Each migration runs in a transaction of its own, under an advisory lock that the same transaction holds, and the
 * state is read again once the lock is there. A lock of the session would span all migrations, but behind a PgBouncer
 * in transaction mode two transactions of one client may be two server sessions: the lock would be left on one of
 * them for good and protect nothing on the other. The transaction's lock cannot outlive its work, on any way out.
 *
 * @module
 */
import type postgres from "postgres";
import { label, type Migration, MigrationError, readMigrations } from "./migrations/_files.ts";
import { cancellable, lock, LOCK_NOT_AVAILABLE, setTimeouts, sqlState } from "./migrations/_lock.ts";
import { type Applied, compare, type MigrationStatus, verify } from "./migrations/_state.ts";

export {
  label,
  type Migration,
  MigrationError,
  type MigrationErrorCode,
  readMigrations,
} from "./migrations/_files.ts";
export type { MigrationState, MigrationStatus } from "./migrations/_state.ts";

/** A migration that was run, or that a dry run would run, with its SQL. */
export interface MigrationStep {
  number: number;
  name: string;
  direction: "up" | "down";
  sql: string;
}

/** `waiting`: another program migrates this database at the moment; every other type is about `step`. */
export type MigrationProgress =
  | { type: "waiting"; seconds: number }
  | { type: "start" | "done"; step: MigrationStep };

/** What {@linkcode migrateUp} and {@linkcode migrateDown} both understand. */
export interface MigrateOptions {
  /** Default: {@linkcode readMigrations}. */
  migrations?: readonly Migration[];
  /** Change nothing; return the steps with their SQL. */
  dryRun?: boolean;
  onProgress?: (progress: MigrationProgress) => void;
  /** Aborting cancels what runs, rolls it back and rejects with the signal's reason. */
  signal?: AbortSignal;
  /** How long to wait for another program that migrates, in seconds. Default 60. */
  waitSeconds?: number;
  /** How long a step may wait for a table, in seconds: all that write to it wait behind. Default 5. */
  lockSeconds?: number;
}

/** Options of {@linkcode migrateUp}. */
export interface MigrateUpOptions extends MigrateOptions {
  /** The number of the last migration to apply. Default: all. */
  to?: number;
}

/** Options of {@linkcode migrateDown}. */
export interface MigrateDownOptions extends MigrateOptions {
  /** How many applied migrations to revert, newest first. Default 1; `Infinity` reverts all. */
  steps?: number;
}

/**
 * Tells where a database stands, oldest migration first. Only reads: also for a database without any table of ours, a
 * standby and a role that may not write.
 */
export async function migrationStatus(
  sql: postgres.Sql,
  options: Pick<MigrateOptions, "migrations"> = {},
): Promise<MigrationStatus[]> {
  const migrations = options.migrations ?? await readMigrations();
  return compare(migrations, await readApplied(sql));
}

/**
 * Applies what is pending, oldest first, each in its own transaction. Two programs may do so at once.
 *
 * @returns What was applied; for a dry run, what would be.
 * @throws {MigrationError}
 */
export async function migrateUp(sql: postgres.Sql, options: MigrateUpOptions = {}): Promise<MigrationStep[]> {
  const migrations = options.migrations ?? await readMigrations();
  const to = options.to ?? Infinity;
  if (options.to !== undefined && !migrations.some(({ number }) => number === to)) {
    throw new MigrationError("argument", `Cannot migrate up: there is no migration ${to}`);
  }
  const plan = (applied: readonly Applied[]): MigrationStep[] =>
    verify(compare(migrations, applied))
      .filter(({ number, state }) => state === "pending" && number <= to)
      .map(({ number }) => step(migrations, number, "up"));
  return await run(sql, plan, { ...options, migrations });
}

/**
 * Reverts the newest applied migrations, each in its own transaction. What their tables held is gone.
 *
 * @returns What was reverted, newest first; for a dry run, what would be.
 * @throws {MigrationError}
 */
export async function migrateDown(
  sql: postgres.Sql,
  options: MigrateDownOptions = {},
): Promise<MigrationStep[]> {
  const migrations = options.migrations ?? await readMigrations();
  const steps = options.steps ?? 1;
  if (!(steps === Infinity || Number.isInteger(steps)) || steps < 1) {
    throw new MigrationError("argument", `Cannot migrate down: ${steps} is not a number of migrations`);
  }
  // Counted once, before anything ran: of two programs that each revert one, both may mean the same one.
  let targets: Set<number> | undefined;
  const plan = (applied: readonly Applied[]): MigrationStep[] => {
    const newestFirst = verify(compare(migrations, applied)).filter(({ state }) => state === "applied")
      .reverse();
    targets ??= new Set(newestFirst.slice(0, steps).map(({ number }) => number));
    return newestFirst
      .filter(({ number }) => targets?.has(number))
      .map(({ number }) => step(migrations, number, "down"));
  };
  return await run(sql, plan, { ...options, migrations });
}

type Plan = (applied: readonly Applied[]) => MigrationStep[];
type RunOptions = MigrateOptions & { migrations: readonly Migration[] };

async function run(sql: postgres.Sql, plan: Plan, options: RunOptions): Promise<MigrationStep[]> {
  options.signal?.throwIfAborted();
  // The first look is without the lock: a start-up with nothing to do takes none and writes nothing.
  const steps = plan(await readApplied(sql));
  if (options.dryRun || steps.length === 0) return steps;
  const done: MigrationStep[] = [];
  for (;;) {
    options.signal?.throwIfAborted();
    const ran = await runNext(sql, plan, options);
    if (ran === undefined) return done;
    done.push(ran);
    options.onProgress?.({ type: "done", step: ran });
  }
}

/** Runs the first step of the plan as it is once the lock is ours; undefined when nothing is left to do. */
async function runNext(
  sql: postgres.Sql,
  plan: Plan,
  options: RunOptions,
): Promise<MigrationStep | undefined> {
  const { migrations, onProgress, signal, waitSeconds = 60, lockSeconds = 5 } = options;
  let current: MigrationStep | undefined;
  try {
    // Read committed, whatever the role's default: after the wait the other program's work has to be visible.
    return await sql.begin("isolation level read committed read write", async (sql) => {
      await lock(sql, {
        waitSeconds,
        signal,
        onWaiting: () => onProgress?.({ type: "waiting", seconds: waitSeconds }),
      });
      current = plan(await readApplied(sql))[0];
      if (current === undefined) return undefined;
      onProgress?.({ type: "start", step: current });
      await setTimeouts(sql, lockSeconds);
      // A simple query: many statements, none of them left prepared on a pooled connection.
      await cancellable(sql.unsafe(current.sql).simple(), signal);
      await record(sql, current, migrations);
      return current;
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw current === undefined ? error : explain(error, current, lockSeconds);
  }
}

async function record(
  sql: postgres.TransactionSql,
  { number, name, direction }: MigrationStep,
  migrations: readonly Migration[],
): Promise<void> {
  if (direction === "down") {
    await sql`delete from tailpost_migrations where number = ${number}`;
    return;
  }
  // Not "if not exists": that sends a notice each time. The lock is ours, so nobody can come between.
  if (!await hasTable(sql)) {
    await sql`
      create table tailpost_migrations (
        number integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now()
      )`;
  }
  const { checksum } = find(migrations, number);
  await sql`insert into tailpost_migrations (number, name, checksum) values (${number}, ${name}, ${checksum})`;
}

/**
 * Not to_regclass() alone: PostgreSQL would answer from what this connection remembers, and looks for news of other
 * transactions only when a transaction begins (before the wait for the lock) or when a query opens a relation.
 */
async function hasTable(sql: postgres.ISql): Promise<boolean> {
  const rows = await sql`select from pg_catalog.pg_class where oid = to_regclass('tailpost_migrations')`;
  return rows.length > 0;
}

async function readApplied(sql: postgres.ISql): Promise<Applied[]> {
  if (!await hasTable(sql)) return [];
  return await sql<Applied[]>`
    select number, name, checksum, applied_at as "appliedAt" from tailpost_migrations order by number`;
}

function step(migrations: readonly Migration[], number: number, direction: "up" | "down"): MigrationStep {
  const migration = find(migrations, number);
  return { number, name: migration.name, direction, sql: migration[direction] };
}

function find(migrations: readonly Migration[], number: number): Migration {
  const migration = migrations.find((migration) => migration.number === number);
  if (migration === undefined) throw new RangeError(`no migration ${number}`);
  return migration;
}

/** What PostgreSQL said about a step, with the line of the file it points to. Lost connections stay what they are. */
function explain(
  error: unknown,
  { direction, sql, ...migration }: MigrationStep,
  lockSeconds: number,
): unknown {
  if (!(error instanceof Error) || !/^[0-9A-Z]{5}$/.test(sqlState(error) ?? "")) return error;
  const name = label(migration);
  const what = `Cannot ${direction === "up" ? "apply" : "revert"} ${name}`;
  if (sqlState(error) === LOCK_NOT_AVAILABLE) {
    const message = `${what}: a table it changes was in use for ${lockSeconds} seconds. ` +
      `Nothing was changed; migrate again, at a quieter moment if this repeats`;
    return new MigrationError("busy", message, { cause: error, migration: name });
  }
  const position = "position" in error ? Number(error.position) : NaN;
  const line = position > 0 ? ` (line ${sql.slice(0, position).split("\n").length})` : "";
  return new MigrationError("failed", `${what}: ${error.message}${line}. Nothing of it was kept`, {
    cause: error,
    migration: name,
  });
}
