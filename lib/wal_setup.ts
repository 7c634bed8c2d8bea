/** What `tailpost migrate --source wal` changes in a database: the publication, and that the trigger announces nothing. */

import type postgres from "postgres";
import type { FactsRow } from "./database_facts.ts";
import { PUBLICATION } from "./wal_state.ts";

/** The SQL that sets a database up for logical decoding; null where that is done, and where there is no table yet. Only reads. */
export async function walSetupSql(sql: postgres.ISql, { schema, wal }: FactsRow): Promise<string | null> {
  if (schema === null || wal === null) return null;
  const [found] = await sql<{ table: string; triggers: string[] }[]>`
    select quote_ident(${schema}) || '.logs' as table, to_json(array(
      select quote_ident(tgname) from pg_trigger join pg_proc as p on p.oid = tgfoid
      where tgrelid = to_regclass('logs') and not tgisinternal and tgenabled <> 'D'
        and (tgname = 'logs_notify' or proname = 'logs_notify')
      order by tgname
    )) as triggers`;
  if (!found) throw new Error("PostgreSQL told nothing about the table logs");
  const { table, triggers } = found;
  const statements = [
    ...wal.publication === false ? [`drop publication ${PUBLICATION}`] : [],
    ...wal.publication === true ? [] : [
      `create publication ${PUBLICATION} for table ${table}` +
      " with (publish = 'insert', publish_via_partition_root = true)",
    ],
    ...triggers.map((trigger) => `alter table ${table} disable trigger ${trigger}`),
  ];
  return statements.length === 0 ? null : `-- for --source wal\n${statements.join(";\n")};\n`;
}

/** What it takes, for an account that was refused. */
export const SETUP_RIGHTS =
  "It takes an account that owns the table logs, and the publication where there is one, " +
  "and that has CREATE on the database";
