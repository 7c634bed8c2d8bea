/** What the commands that change tokens and organizations share. */

import type { Command } from "commander";
import type postgres from "postgres";
import { TokenError } from "../auth/token_store.ts";
import { OrganizationError } from "../organizations.ts";
import { openDatabase, withConnection } from "./database.ts";
import { CommandError, configureLogging } from "./output.ts";
import { addSettings, configOf } from "./settings.ts";
import { stopSignal } from "./stop_signal.ts";

/** Gives a command the flags of a database and an action on it: with its first argument, its flags and its second argument. */
export function withDatabase(
  command: Command,
  action: (
    sql: postgres.Sql,
    first: string | undefined,
    flags: Record<string, unknown>,
    second: string | undefined,
  ) => Promise<void>,
): Command {
  return addSettings(command, ["databaseUrl", "dataDir"]).action(async () => {
    const [first, second] = command.processedArgs as (string | undefined)[];
    const flags: Record<string, unknown> = command.opts();
    await administer(flags, (sql) => action(sql, first, flags, second));
  });
}

/** Runs with a connection to the configured database. What it is refused for is one line. */
export async function administer(
  flags: Record<string, unknown>,
  action: (sql: postgres.Sql) => Promise<void>,
): Promise<void> {
  const config = configOf(flags);
  await configureLogging(config);
  using stop = stopSignal(130);
  await using database = await openDatabase(config, stop.signal);
  try {
    await withConnection(database.url, action);
  } catch (error) {
    if (error instanceof TokenError || error instanceof OrganizationError) {
      throw new CommandError(error.message, 1, { cause: error });
    }
    if (error instanceof Error && "code" in error && error.code === "42P01") {
      throw new CommandError("There is no table for this yet: run tailpost migrate", 1, { cause: error });
    }
    if (error instanceof Error && "code" in error && error.code === "42501") {
      throw new CommandError(
        `The account of DATABASE_URL may not do this (${error.message}): use the one that migrates`,
        1,
        { cause: error },
      );
    }
    throw error;
  }
}

/** Reads an organization's id. */
export function organizationId(text: string): number {
  if (/^[1-9]\d{0,14}$/u.test(text)) return Number(text);
  throw notAllowed("The organization", text, "its id, a whole number from 1");
}

/** A flag or an argument with a value that is not allowed. */
export function notAllowed(what: string, value: string, allowed: string): CommandError {
  return new CommandError(`${what} is ${JSON.stringify(value)}: allowed is ${allowed}`, 2);
}
