/** A database for each program that is measured. */

import postgres from "postgres";
import type { EmbeddedPostgres } from "../lib/embedded_postgres.ts";

/** Creates an empty database, and says its URL. */
export type CreateDatabase = (name: string) => Promise<string>;

/** Creates databases of the embedded PostgreSQL's usual user. */
export function databasesOf({ url, superuserUrl }: EmbeddedPostgres): CreateDatabase {
  return async (name) => {
    const created = new URL(url);
    const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
    try {
      await sql`create database ${sql(name)} owner ${sql(created.username)}`;
      await sql`alter role ${sql(created.username)} replication`;
    } finally {
      await sql.end({ timeout: 5 });
    }
    created.pathname = `/${name}`;
    return created.href;
  };
}
