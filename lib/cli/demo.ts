/** `tailpost demo`: everything at once, to look at. */

import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { Command } from "commander";
import { wait } from "../backoff.ts";
import { runTraffic } from "../demo_traffic.ts";
import { insertLogs } from "../log_store/insert.ts";
import { scoped } from "../log_store/wall.ts";
import { withConnection } from "./database.ts";
import { CommandError, say } from "./output.ts";
import { type Companion, serve } from "./serve.ts";
import { addSettings, configOf } from "./settings.ts";

const logger = getLogger(["tailpost", "demo"]);

/** The demo keeps this many of its newest logs, and looks once a minute. */
const KEPT = 100_000;

/** Logs that are there when the page is first opened. */
const HISTORY = 400;

/** Makes the command. */
export function demoCommand(): Command {
  const command = new Command("demo")
    .summary("an embedded database and made-up traffic, to look at")
    .description(
      "Starts an embedded PostgreSQL, writes made-up logs of a shop into it, and serves the page, open to this machine.",
    )
    .option("--rate <factor>", "how much traffic: 2 is twice the usual, about ten logs a second", "1");
  addSettings(command, ["dataDir", "port", "source"]);
  return command.addHelpText("after", "\nThe demo has a database of its own and leaves DATABASE_URL alone.")
    .action(run);
}

async function run(flags: Record<string, unknown>): Promise<void> {
  const rate = Number(flags.rate);
  if (!(rate >= 0.01 && rate <= 100)) {
    throw new CommandError(
      `--rate is ${JSON.stringify(flags.rate)}: allowed is a number from 0.01 to 100`,
      2,
    );
  }
  const config = configOf({ ...flags, host: "127.0.0.1", auth: "off", migrate: "auto" });
  const companion: Companion = async (services, signal, database) => {
    say("Made-up traffic of a shop is on its way. Open /logs/live in a browser; Ctrl-C ends the demo");
    await Promise.all([
      runTraffic({
        insert: async (logs) => void await insertLogs(scoped(services.sql, 1), 1, logs),
        signal,
        rate,
        history: HISTORY,
        onError: (error) => logger.warn("A log of the demo was not stored: {error}", { error }),
      }),
      keepNewest(database.url, signal),
    ]);
  };
  await serve({ ...config, databaseUrl: null, dataDir: join(config.dataDir, "demo") }, { companion });
}

/** A demo that is left running does not fill the disk. */
async function keepNewest(ownerUrl: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      // The server's own role may delete nothing.
      await withConnection(
        ownerUrl,
        (sql) => sql`delete from logs where id < (select max(id) - ${KEPT} from logs)`,
      );
    } catch (error) {
      logger.warn("Old logs of the demo were not removed: {error}", { error });
    }
    await wait(60_000, signal);
  }
}
