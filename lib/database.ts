/** Connections to PostgreSQL: a small pool for queries, and the listener's own connection. */

import postgres from "postgres";
import type { ConnectionHooks } from "./listener.ts";

/** Connections of the pool. They are opened at the start and kept, however many viewers there are. */
export const POOL_SIZE = 4;

const COMMON = {
  connect_timeout: 5,
  idle_timeout: 0,
  max_lifetime: null,
  // Array types of the database are never used: no query is needed to learn them.
  fetch_types: false,
  onnotice: () => {},
};

/** The pool for queries. `statementTimeout` is in milliseconds. */
export function createPool(url: string, { size = POOL_SIZE, statementTimeout = 30_000 } = {}): postgres.Sql {
  return postgres(url, {
    ...COMMON,
    max: size,
    connection: { application_name: "tailpost", statement_timeout: statementTimeout },
  });
}

/**
 * Opens every connection of the pool, so that their number does not depend on the load: as many queries at once as there
 * are connections get one each.
 */
export async function warmUp(sql: postgres.Sql): Promise<void> {
  await Promise.all(Array.from({ length: sql.options.max }, () => sql`select 1`));
}

/** The listener's connection. `onnotify` is an option that postgres.js has but does not declare. */
export function connectListener(url: string, hooks: ConnectionHooks): postgres.Sql {
  const options = { ...COMMON, ...hooks, max: 1, connection: { application_name: "tailpost-listener" } };
  return postgres(url, options);
}

/** Whether an error says that PostgreSQL cannot be reached at the moment, rather than that a query was wrong. */
export function isAway(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Errors of sockets and postgres.js by name; SQLSTATE classes 08 (connection), 53 (too many), 57P0x (shutting down,
  // starting), 57014 (statement timeout) and 25006 (a standby).
  return /^(?:CONNECT|ECONN|ETIMEDOUT|EPIPE|EHOST|ENOTFOUND|EAI_|08|53|57P0|57014|25006)/u.test(code);
}
