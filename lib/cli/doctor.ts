/** `tailpost doctor`: looks at a database, and tells which source of logs works there and which one to use. */

import { Command } from "commander";
import type postgres from "postgres";
import { wait } from "../backoff.ts";
import type { Config } from "../config.ts";
import { connectListener, notifyOnce } from "../database.ts";
import { expectedBody, factsOf, type FactsRow, readFacts } from "../database_facts.ts";
import { doctorReport, type Findings, type Pooler, type Traffic } from "../doctor.ts";
import { hasCluster } from "../embedded_postgres.ts";
import { foreignOrganizations } from "../foreign_logs.ts";
import { migrationStatus, readMigrations } from "../migrations.ts";
import { sqlState } from "../migrations/_lock.ts";
import { hears } from "../pooler.ts";
import { SLOT_PREFIX } from "../wal_state.ts";
import { openDatabase, tryPool, withConnection } from "./database.ts";
import { CommandError, configureLogging, print, say, table } from "./output.ts";
import { addSettings, configOf } from "./settings.ts";
import { stopSignal } from "./stop_signal.ts";

/** Makes the command. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("look at the database, and tell which source of logs to use")
    .description(
      "Looks at the database and changes nothing: what is there, whether each source of logs works, and which one to " +
        "use. Ends with 0 when the configured one works, else with 1.",
    )
    .option("--seconds <number>", "how long to look at the traffic", "2");
  addSettings(command, ["databaseUrl", "dataDir", "source"]);
  return command.addHelpText(
    "after",
    `
Examples:
  tailpost doctor                                    the embedded PostgreSQL, while no server runs on it
  DATABASE_URL=postgres://me@db/app tailpost doctor  with the account that serves
  tailpost doctor --source wal --seconds 60          would wal work, and is it worth it`,
  ).action(run);
}

async function run(flags: Record<string, unknown>): Promise<void> {
  const config = configOf(flags);
  const seconds = Number(flags.seconds);
  if (!(seconds >= 1 && seconds <= 3600)) {
    throw new CommandError(
      `--seconds is ${JSON.stringify(flags.seconds)}: allowed is a number from 1 to 3600`,
      2,
    );
  }
  await configureLogging(config);
  using stop = stopSignal(130);
  if (config.databaseUrl === null && !await hasCluster(config.dataDir)) {
    throw new CommandError(
      `There is no database in ${config.dataDir} yet: give DATABASE_URL, or run tailpost serve`,
    );
  }
  await using database = await openDatabase(config, stop.signal);
  const found = await withConnection(
    database.url,
    (sql) => look(sql, config, { url: database.url, seconds, signal: stop.signal }),
  );
  stop.signal.throwIfAborted();
  const { rows, wrong } = doctorReport(found);
  for (const line of table(["WHAT", "FOUND"], rows)) print(line);
  if (wrong.length > 0) throw new CommandError(`The source ${config.source} does not work: ${wrong[0]}`);
}

interface LookOptions {
  readonly url: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

async function look(
  sql: postgres.Sql,
  { source }: Config,
  { url, seconds, signal }: LookOptions,
): Promise<Findings> {
  const migrations = await readMigrations();
  const row = await readFacts(sql, { source: "wal" });
  const { wal, ...facts } = factsOf(row, await expectedBody(migrations));
  if (wal === null) throw new Error("PostgreSQL told nothing about its WAL");
  const status = await migrationStatus(sql, { migrations }).catch((error: unknown) => {
    if (sqlState(error) === "42501") return null;
    throw error;
  });
  const applied = status?.filter(({ state }) => state === "applied").length ?? 0;
  const [more] = await sql<{ version: string; keepSize: string; hasSlot: boolean }[]>`
    select current_setting('server_version') as version, current_setting('max_slot_wal_keep_size') as "keepSize",
      exists (
        select from pg_replication_slots
        where database = current_database() and starts_with(slot_name, ${SLOT_PREFIX}) and active
      ) as "hasSlot"`;
  if (!more) throw new Error("PostgreSQL told nothing about itself");
  const isReadable = row.schema !== null && row.maySelect && status?.length === applied;
  return {
    source,
    version: more.version,
    migrations: status && { applied, others: status.length - applied },
    facts: {
      ...facts,
      wal,
      // A server of this database has one: it is not to find another.
      hasSlot: more.hasSlot,
      foreignLogs: isReadable && (await foreignOrganizations(sql, { limit: 1 })).length > 0,
    },
    mayInsert: row.mayInsert,
    pooler: await poolerOf(row, url),
    keepSize: more.keepSize,
    traffic: row.schema === null ? null : await measure(sql, seconds, signal),
  };
}

/** What is between: as the server finds it out, by what a listener hears. */
async function poolerOf(row: FactsRow, url: string): Promise<Pooler> {
  if (row.pid === row.announcedPid) return "none";
  try {
    await tryPool(url);
  } catch (error) {
    if (error instanceof CommandError) return "refuses";
    throw error;
  }
  // Nothing can be announced on a standby.
  if (row.standby) return "session";
  const waiting = new Map<string, () => void>();
  const over = new AbortController();
  const listener = connectListener(url, {
    onnotify: (channel) => waiting.get(channel)?.(),
    onclose: () => {},
    signal: over.signal,
  });
  try {
    const heard = await hears(listener, {
      notify: (channel) => notifyOnce(url, channel),
      on(channel, heard) {
        waiting.set(channel, heard);
        return () => void waiting.delete(channel);
      },
    });
    return heard ? "session" : "transaction";
  } finally {
    await listener.end({ timeout: 1 });
    over.abort();
  }
}

/** Looks twice at what PostgreSQL counts. Sessions hand in their numbers at most once a second. */
async function measure(sql: postgres.Sql, seconds: number, signal: AbortSignal): Promise<Traffic> {
  say(`Looking at the traffic for ${seconds} s`);
  const read = async () => {
    const [row] = await sql<{ commits: number; logs: number }[]>`
      select
        (select xact_commit from pg_stat_database where datname = current_database())::float8 as commits,
        (
          select coalesce(sum(n_tup_ins), 0) from pg_stat_user_tables
          where relid = to_regclass('logs') or relid in (select relid from pg_partition_tree(to_regclass('logs')))
        )::float8 as logs`;
    if (!row) throw new Error("PostgreSQL told nothing about its traffic");
    return row;
  };
  const before = await read();
  await wait(1000 * seconds, signal);
  const after = await read();
  return {
    seconds,
    logs: after.logs - before.logs,
    // Not this one of our own.
    commits: Math.max(0, after.commits - before.commits - 1),
  };
}
