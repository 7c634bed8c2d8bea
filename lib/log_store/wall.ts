/**
 * The wall between organizations that PostgreSQL keeps up: row-level security (PostgreSQL manual, section 5.9) for the
 * server's role, which `tailpost migrate --role` sets up (lib/server_role.ts).
 *
 * Every statement on `logs`, `organizations` or `tailpost_views` says whom it is for. The policies let the server's role see that and
 * nothing else; a statement that says nothing sees nothing. For the owner of the tables there is no wall.
 *
 * What it says ends with the statement, so that none of it is left on a connection of the pool. A transaction around each
 * would do the same for three round trips more, and postgres.js (3.4) throws outside of any promise when a connection is
 * lost within `sql.begin()`.
 */

import type postgres from "postgres";

/**
 * Whom a statement is for: an organization by its id, or one of two purposes that need all of them. `organizations` may list
 * the organizations, and sees no log. `foreign_logs` may look for logs of another cluster (lib/foreign_logs.ts).
 */
export type Scope = number | "organizations" | "foreign_logs";

/** A connection or a pool, for one scope. What reads or writes logs takes this and no other. */
export interface ScopedSql {
  readonly sql: postgres.ISql;
  readonly scope: Scope;
}

/** Binds a connection or a pool to a scope. */
export function scoped(sql: postgres.ISql, scope: Scope): ScopedSql {
  return { sql, scope };
}

/** The settings that the policies compare with. They end with the statement: nobody sets them for longer. */
export const ORGANIZATION_SETTING = "tailpost.organization_id";
export const PURPOSE_SETTING = "tailpost.purpose";

/**
 * The condition that every `where` on those tables begins with. It is always true, and tells PostgreSQL the
 * scope.
 *
 * It depends on no row, so PostgreSQL decides it once, before it looks at the first one (a "One-Time Filter" in the plan). The
 * policies compare with a subquery, whose value is not asked for before that. `wall_test.ts` looks at every plan.
 */
export function behindWall({ sql, scope }: ScopedSql): postgres.PendingQuery<postgres.Row[]> {
  const [name, value] = typeof scope === "number"
    ? [ORGANIZATION_SETTING, String(scope)]
    : [PURPOSE_SETTING, scope];
  return sql`(select set_config(${name}, ${value}, true)) is not null`;
}
