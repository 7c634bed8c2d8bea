import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { EmbeddedPostgresError } from "./_error.ts";

/**
 * Takes the data directory for this process, until it is disposed of or the process ends in whatever way.
 *
 * The lock is that of an empty SQLite database: the kernel drops it with the process, it works alike on Linux, macOS
 * and Windows, and it never waits. (`Deno.FsFile.tryLock` is not in Deno 2.4, and `lock` cannot be given up.) Nothing
 * else may open the file in this process: POSIX locks are lost when any descriptor of the file is closed. So the
 * holder's process id, for the message, is in a file of its own.
 */
export function lockDataDir(dataDir: string): Disposable {
  const pidFile = join(dataDir, "lock.pid");
  const lockFile = join(dataDir, "lock");
  let db: DatabaseSync | undefined;
  try {
    const held = db = new DatabaseSync(lockFile);
    held.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE");
    // Whoever may read a file may lock it
    Deno.chmodSync(lockFile, 0o600);
    Deno.writeTextFileSync(pidFile, `${Deno.pid}\n`);
    return { [Symbol.dispose]: () => held.close() };
  } catch (cause) {
    db?.close();
    if (!/database is locked/.test(String(cause))) {
      throw new EmbeddedPostgresError(
        "not_accessible",
        `Cannot use ${dataDir}: its lock cannot be taken (${(cause as Error).message}). ` +
          "Run Tailpost as the account that owns the data directory, or give another data directory",
        { cause },
      );
    }
    throw new EmbeddedPostgresError(
      "in_use",
      `Cannot use ${dataDir}: another Tailpost${holder(pidFile)} is running on it. ` +
        "Stop that one, or give this one another data directory",
      { cause },
    );
  }
}

function holder(pidFile: string): string {
  try {
    const pid = Number.parseInt(Deno.readTextFileSync(pidFile));
    return Number.isNaN(pid) ? "" : ` (process ${pid})`;
  } catch {
    return "";
  }
}
