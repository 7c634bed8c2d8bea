/** `tailpost migrate up|down|status`. */

import { Argument, Command } from "commander";
import { label, MigrationError, type MigrationProgress } from "../migrations.ts";
import { migrateDown, migrateUp, migrationStatus } from "../migrations.ts";
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
    .option("--steps <number>", "how many to take back, with down", "1");
  addSettings(command, ["databaseUrl", "dataDir"]);
  return command.addHelpText(
    "after",
    `
Examples:
  tailpost migrate                     the tables of the embedded PostgreSQL
  DATABASE_URL=postgres://me@db/app tailpost migrate status
  tailpost migrate up --dry-run        see the SQL first`,
  ).action(run);
}

async function run(action: string, flags: Record<string, unknown>): Promise<void> {
  const config = configOf(flags);
  const steps = Number(flags.steps);
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new CommandError(`--steps is ${JSON.stringify(flags.steps)}: allowed is a whole number from 1`, 2);
  }
  await configureLogging(config);
  using stop = stopSignal(130);
  await using database = await openDatabase(config, stop.signal);
  const options = { dryRun: flags.dryRun === true, signal: stop.signal, onProgress: report };
  await explaining(() =>
    withConnection(database.url, async (sql) => {
      if (action === "status") {
        for (const { state, appliedAt, ...migration } of await migrationStatus(sql)) {
          print(`${label(migration).padEnd(24)} ${state}${appliedAt ? ` ${appliedAt.toISOString()}` : ""}`);
        }
        return;
      }
      const done = action === "up"
        ? await migrateUp(sql, options)
        : await migrateDown(sql, { ...options, steps });
      if (done.length === 0) {
        say(`Nothing to do: ${action === "up" ? "the tables are up to date" : "nothing was applied"}`);
      } else if (options.dryRun) {
        for (const step of done) print(`-- ${label(step)}\n${step.sql}`);
      }
    })
  );
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
