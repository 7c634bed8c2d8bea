/** Where a database stands: what the folder holds against what was applied. Pure. */

import { label, type Migration, MigrationError, type MigrationErrorCode } from "./_files.ts";

/**
 * Where one migration stands in one database. `changed`: applied, and the file was edited since. `unknown`: applied,
 * and there is no such file (a newer program was here). `skipped`: not applied, though a later one is.
 */
export type MigrationState = "applied" | "pending" | "changed" | "unknown" | "skipped";

/** One line of {@linkcode migrationStatus}. */
export interface MigrationStatus {
  number: number;
  name: string;
  state: MigrationState;
  appliedAt: Date | null;
}

/** Every migration that the folder or the database knows, by number. */
export function compare(migrations: readonly Migration[], applied: readonly Applied[]): MigrationStatus[] {
  const newest = applied.at(-1)?.number ?? 0;
  const rows = new Map(applied.map((row) => [row.number, row]));
  const status = migrations.map(({ number, name, checksum }): MigrationStatus => {
    const row = rows.get(number);
    rows.delete(number);
    if (row === undefined) {
      return { number, name, state: number < newest ? "skipped" : "pending", appliedAt: null };
    }
    // The name is no part of the contract with the database: a file may be renamed, its SQL may not be edited.
    return {
      number,
      name,
      state: row.checksum === checksum ? "applied" : "changed",
      appliedAt: row.appliedAt,
    };
  });
  for (const { number, name, appliedAt } of rows.values()) {
    status.push({ number, name, state: "unknown", appliedAt });
  }
  return status.sort((a, b) => a.number - b.number);
}

/** @throws {MigrationError} when a database is not in a state from which it can be migrated. */
export function verify(status: MigrationStatus[]): MigrationStatus[] {
  for (const { state, ...migration } of status) {
    const name = label(migration);
    const fail = (code: MigrationErrorCode, message: string) =>
      new MigrationError(code, `Cannot migrate: ${message}`, { migration: name });
    switch (state) {
      case "changed":
        throw fail(
          "changed",
          `${name}.up.sql was edited after it was applied. Restore the file and put the change into a new migration`,
        );
      case "unknown":
        throw fail(
          "unknown",
          `the database has ${name}, which this version does not know. Use the version that applied it, or a newer one`,
        );
      case "skipped":
        throw fail(
          "skipped",
          `${name} was never applied, but a later one was. Give it a number after the last applied one`,
        );
    }
  }
  return status;
}

export interface Applied {
  number: number;
  name: string;
  checksum: string;
  appliedAt: Date;
}
