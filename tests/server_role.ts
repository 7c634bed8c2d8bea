/** The server's own role, for tests. */

import postgres from "postgres";
import { makeServerRole } from "../lib/server_role.ts";
import type { TestDatabase } from "./postgres.ts";

/** A role of the server's, in one database. */
export interface TestServerRole extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** A pool of connections to `url`. */
  readonly sql: postgres.Sql;
}

/** Makes one in a migrated database, as the superuser. */
export async function serverRole(db: TestDatabase): Promise<TestServerRole> {
  // Roles belong to the whole cluster.
  const name = `server_of_${db.name}`;
  const password = "only-for-this-test";
  const asSuperuser = async (run: (sql: postgres.Sql) => Promise<unknown>) => {
    const sql = postgres(db.superuserUrl, { max: 1, onnotice: () => {} });
    await run(sql).finally(() => sql.end());
  };
  await asSuperuser((sql) => makeServerRole(sql, name, { password }));
  const url = Object.assign(new URL(db.url), { username: name, password }).href;
  const sql = postgres(url, { max: 5, fetch_types: false, onnotice: () => {} });
  let isThere = true;
  return {
    name,
    url,
    sql,
    async [Symbol.asyncDispose]() {
      if (!isThere) return;
      isThere = false;
      await sql.end({ timeout: 5 });
      await asSuperuser((sql) => sql.unsafe(`drop owned by ${name}; drop role ${name}`).simple());
    },
  };
}
