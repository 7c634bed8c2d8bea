/** `tailpost migrate up|down|status`. */

import { Argument, Command } from "commander";
import type postgres from "postgres";
import { label, MigrationError, type MigrationProgress } from "../migrations.ts";
import { migrateDown, migrateUp, migrationStatus } from "../migrations.ts";
import type { Config } from "../config.ts";
import { inspectRepairs, repair, type Repairs } from "../repair.ts";
import { makeServerRole, ROLE_NAME } from "../server_role.ts";
import type { Source } from "../wal_state.ts";
import { openDatabase, withConnection } from "./database.ts";
import { CommandError, configureLogging, print, say } from "./output.ts";
import { addSettings, configOf } from "./settings.ts";
import { stopSignal } from "./stop_signal.ts";

/** Makes the command. */
export function migrateCommand(): Command {
  const command = new Command("migrate")
    .summary("create or change the tables")
    .description("Creates or changes the tables that Tailpost needs, or tells what is there.")
    .addArgument(
      new Argument("[action]", "up applies what is pending, down takes the newest back").choices([
        "up",
        "down",
        "status",
      ]).default("up"),
    )
    .option("--dry-run", "print the SQL and change nothing")
    .option("--steps <number>", "how many to take back, with down", "1")
    .option("--role <name>", "make a role for the server, which cannot change the tables, with up");
  addSettings(command, ["databaseUrl", "dataDir", "source"]);
  return command.addHelpText(
    "after",
    `
Examples:
  tailpost migrate                     the tables of the embedded PostgreSQL
  DATABASE_URL=postgres://me@db/app tailpost migrate status
  tailpost migrate up --dry-run        see the SQL first
  tailpost migrate --role tailpost_server   and make a role to serve as
  tailpost migrate --source wal        and a publication in place of the trigger`,
  ).action(run);
}

async function run(action: string, flags: Record<string, unknown>): Promise<void> {
  const config = configOf(flags);
  const steps = Number(flags.steps);
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new CommandError(`--steps is ${JSON.stringify(flags.steps)}: allowed is a whole number from 1`, 2);
  }
  const role = roleOf(flags.role, action, config);
  await configureLogging(config);
  using stop = stopSignal(130);
  await using database = await openDatabase(config, stop.signal);
  const { source } = config;
  const options = { dryRun: flags.dryRun === true, source, signal: stop.signal, onProgress: report };
  await explaining(() =>
    withConnection(database.url, async (sql) => {
      if (action === "status") {
        for (const { state, appliedAt, ...migration } of await migrationStatus(sql)) {
          print(`${label(migration).padEnd(24)} ${state}${appliedAt ? ` ${appliedAt.toISOString()}` : ""}`);
        }
        for (const [name, text] of statesOf(await inspectRepairs(sql, { source }))) {
          print(`${name.padEnd(24)} ${text}`);
        }
        return;
      }
      const done = action === "up"
        ? await migrateUp(sql, options)
        : await migrateDown(sql, { ...options, steps });
      const repairs = action === "up" ? await repairing(sql, options) : null;
      const repaired = repairs !== null &&
        (repairs.trigger !== null || repairs.setup !== null || repairs.foreignLogs > 0);
      // What cannot be mended here: say so, and not that all is well.
      const problem = repairs?.trigger === null ? repairs.problem : null;
      // That is put right by making the role.
      if (problem && (problem.code !== "no_replication" || role === null)) say(problem.message);
      else if (done.length === 0 && !repaired && role === null) {
        say(`Nothing to do: ${action === "up" ? "the tables are up to date" : "nothing was applied"}`);
      }
      if (!options.dryRun) return role === null ? undefined : await makeRole(sql, role, config, stop.signal);
      for (const step of done) print(`-- ${label(step)}\n${step.sql}`);
      if (repairs && repairs.trigger !== null) print(repairs.trigger);
      if (repairs && repairs.setup !== null) print(repairs.setup);
      else if (source === "wal" && action === "up" && done.length > 0) {
        say("The publication comes after these");
      }
      if (repairs && repairs.foreignLogs > 0) print(`-- ${mending(repairs.foreignLogs)}`);
      if (role === null) return;
      if (done.length > 0) return say(`The role ${role} comes after these`);
      const made = await makeServerRole(sql, role, { ...options, password: config.rolePassword });
      print(`-- the role ${role}\n${made.sql}`);
    })
  );
}

/** Reads the name of the role that is to be made; null where none is. */
function roleOf(name: unknown, action: string, { databaseUrl }: Config): string | null {
  if (name === undefined) return null;
  if (typeof name !== "string" || !ROLE_NAME.test(name)) {
    throw new CommandError(
      `--role is ${JSON.stringify(name)}: allowed is a name of small letters, digits and _, at most 50`,
      2,
    );
  }
  if (action !== "up") {
    throw new CommandError(`--role is ${JSON.stringify(name)}: allowed is it with up alone`, 2);
  }
  if (databaseUrl === null) {
    throw new CommandError(
      "--role takes DATABASE_URL: in the embedded PostgreSQL the server makes a role of its own",
      2,
    );
  }
  return name;
}

/** Makes a role for the server, or puts right what it may do. */
async function makeRole(sql: postgres.Sql, name: string, config: Config, signal: AbortSignal): Promise<void> {
  const made = await makeServerRole(sql, name, {
    password: config.rolePassword,
    source: config.source,
    signal,
    onWaiting: (seconds) => report({ type: "waiting", seconds }),
  });
  say(
    made.isNew
      ? `Made the role ${name}. Serve with a DATABASE_URL of its own`
      : `The role ${name} may do what the server needs`,
  );
  for (const note of made.notes) say(note);
  if (made.password === null) return;
  say("Its password is shown this once:");
  print(made.password);
}

const logs = (count: number) => count === 1 ? "1 log" : `${count} logs`;

const mending = (count: number) =>
  `${logs(count)} with transaction ids of another cluster: tailpost migrate makes them old ones`;

/** What there is to tell of a migrated database, by name. */
function* statesOf({ problem, setup, foreignLogs }: Repairs): Iterable<[name: string, text: string]> {
  if (setup !== null) yield ["publication", "not set up for --source wal: run tailpost migrate --source wal"];
  if (problem) yield [problem.code, problem.message];
  if (foreignLogs > 0) yield ["foreign_logs", mending(foreignLogs)];
}

/** Repairs what is applied, and tells what it did. */
export async function repairing(
  sql: postgres.Sql,
  options: { dryRun?: boolean; source: Source; signal: AbortSignal },
): Promise<Repairs> {
  const repairs = await repair(sql, {
    ...options,
    onWaiting: (seconds) => report({ type: "waiting", seconds }),
    onMended: (rows) => {
      if (rows === 0) say("Mending logs with transaction ids of another cluster");
    },
  });
  if (options.dryRun) return repairs;
  if (repairs.trigger !== null) say("Made the trigger logs_notify and its functions again");
  if (repairs.setup !== null) say("Set up for --source wal: the publication tailpost, and no trigger");
  if (repairs.foreignLogs > 0) say(`Mended ${logs(repairs.foreignLogs)}`);
  return repairs;
}

/** Turns what migrating may fail with into one line. */
export async function explaining<T>(migrating: () => Promise<T>): Promise<T> {
  try {
    return await migrating();
  } catch (error) {
    if (error instanceof MigrationError) throw new CommandError(error.message, 1, { cause: error });
    throw error;
  }
}

/** Tells how migrating goes on. */
export function report(progress: MigrationProgress): void {
  if (progress.type === "waiting") say(`Waiting for another program that migrates: ${progress.seconds} s`);
  else if (progress.type === "done") {
    say(`${progress.step.direction === "up" ? "Applied" : "Took back"} ${label(progress.step)}`);
  }
}
