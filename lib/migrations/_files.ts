/** The numbered SQL of `migrations/`, and what migrating may fail with. */

/** One numbered step: `migrations/<number>_<name>.up.sql` and its `.down.sql`. */
export interface Migration {
  number: number;
  name: string;
  up: string;
  down: string;
  /** SHA-256 of `up`, line endings normalised to LF, in hexadecimal. */
  checksum: string;
}

/**
 * Why migrating stopped. `files`: the folder itself is wrong. `changed`, `unknown`, `skipped`: see
 * {@linkcode MigrationState}. `waiting`: another program held the lock all the time. `busy`: a table was in use.
 * `failed`: PostgreSQL refused the SQL. `argument`: there is no such migration, or no such number of steps.
 */
export type MigrationErrorCode =
  | "argument"
  | "busy"
  | "changed"
  | "failed"
  | "files"
  | "skipped"
  | "unknown"
  | "waiting";

/** Thrown for every expected failure. The message names the migration and says what to do; nothing is half done. */
export class MigrationError extends Error {
  override name = "MigrationError";
  /** Why. */
  readonly code: MigrationErrorCode;
  /** The file name without its ending, as in `0002_notify`; absent where no single migration is to blame. */
  readonly migration?: string;

  constructor(
    code: MigrationErrorCode,
    message: string,
    options: ErrorOptions & { migration?: string } = {},
  ) {
    super(message, options);
    this.code = code;
    if (options.migration !== undefined) this.migration = options.migration;
  }
}

/**
 * Reads the migrations of a folder, in order.
 *
 * @throws {MigrationError} `files` when a name is not like `0001_logs.up.sql`, a number is twice there or missing, or
 * one of up and down is missing.
 */
export async function readMigrations(
  folder: URL = new URL("../../migrations/", import.meta.url),
): Promise<Migration[]> {
  const found = new Map<number, { name: string; up?: string; down?: string }>();
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.name.endsWith(".sql")) continue;
    const [, digits, name, direction] = /^(\d{4})_([a-z0-9_]+)\.(up|down)\.sql$/.exec(entry.name) ?? [];
    if (digits === undefined || name === undefined) {
      throw new MigrationError("files", `Cannot read migrations: ${entry.name} is not like 0001_name.up.sql`);
    }
    const number = Number(digits);
    const migration = found.get(number) ?? { name };
    if (migration.name !== name) {
      throw new MigrationError(
        "files",
        `Cannot read migrations: ${label({ number, name })} and ${label({ number, name: migration.name })} ` +
          `have the same number`,
      );
    }
    const text = await Deno.readTextFile(new URL(entry.name, folder));
    migration[direction === "up" ? "up" : "down"] = text;
    found.set(number, migration);
  }
  const migrations: Migration[] = [];
  for (const [number, { name, up, down }] of [...found].sort(([a], [b]) => a - b)) {
    if (number !== migrations.length + 1) {
      throw new MigrationError("files", `Cannot read migrations: number ${migrations.length + 1} is missing`);
    }
    if (up === undefined || down === undefined) {
      const missing = `${label({ number, name })}.${up === undefined ? "up" : "down"}.sql`;
      throw new MigrationError("files", `Cannot read migrations: ${missing} is missing`);
    }
    migrations.push({ number, name, up, down, checksum: await checksum(up) });
  }
  if (migrations.length === 0) {
    throw new MigrationError("files", `Cannot read migrations: there are none in ${folder}`);
  }
  return migrations;
}

/** The file name without its ending. */
export function label({ number, name }: { number: number; name: string }): string {
  return `${String(number).padStart(4, "0")}_${name}`;
}

async function checksum(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text.replace(/\r\n?/g, "\n"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
