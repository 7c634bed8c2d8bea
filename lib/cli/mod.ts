/** The command line. */

import { Command, CommanderError } from "commander";
import deno from "../../deno.json" with { type: "json" };
import { ConfigError } from "../config.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { migrateCommand } from "./migrate.ts";
import { orgCommand } from "./org.ts";
import { CommandError, say } from "./output.ts";
import { serveCommand } from "./serve.ts";
import { settingsHelp } from "./settings.ts";
import { Stopped } from "./stop_signal.ts";
import { tokenCommand } from "./token.ts";

/** Runs a command line and ends the process: 0 done, 1 failed, 2 not understood. */
export async function runCommandLine(args: readonly string[]): Promise<never> {
  const program = new Command("tailpost")
    .description("tail -f for the logs in your PostgreSQL, in a browser.")
    .version(deno.version)
    .addCommand(serveCommand(), { isDefault: true })
    .addCommand(migrateCommand())
    .addCommand(doctorCommand())
    .addCommand(tokenCommand())
    .addCommand(orgCommand())
    .addCommand(demoCommand())
    .addHelpText(
      "after",
      `${settingsHelp()}

Start here:
  tailpost demo                        see it with made-up traffic
  tailpost migrate && tailpost serve   use it with your own database (DATABASE_URL)
  tailpost doctor                      look at a database, and choose a source of logs
  tailpost serve --help                what a command takes`,
    );
  for (const command of withSubcommands(program)) command.exitOverride().showSuggestionAfterError();
  try {
    refuseUnknown(program, args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    Deno.exit(exitCode(error));
  }
  Deno.exit(0);
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Commander would take a mistyped command for an argument of the default one. */
function refuseUnknown({ commands }: Command, [first = "-"]: readonly string[]): void {
  const names = [...commands.map((command) => command.name()), "help"];
  if (first.startsWith("-") || names.includes(first)) return;
  throw new CommandError(`there is no command ${JSON.stringify(first)}: allowed is ${names.join(" or ")}`, 2);
}

/** Tells what went wrong, in one line where it was expected. */
function exitCode(error: unknown): number {
  // Commander has told already; help and version end this way too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Stopped) return 130;
  if (error instanceof ConfigError) {
    say(`tailpost: ${error.message}`);
    return 2;
  }
  if (error instanceof CommandError) {
    say(`tailpost: ${error.message}`);
    return error.exitCode;
  }
  say(error instanceof Error ? error.stack ?? error.message : String(error));
  return 1;
}
