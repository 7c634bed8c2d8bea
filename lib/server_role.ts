/**
 * A role for the server that can do what the server does and nothing else, and that sees one organization at a time.
 *
 * Row-level security is turned on with the first such role. It holds for roles made here alone: their policies are restrictive,
 * and one that lets everything through stands for all others, whom their grants bind as before. The owner of the tables is
 * not bound by any (PostgreSQL manual, section 5.9).
 */

import type postgres from "postgres";
import { sqlState } from "./migrations/_lock.ts";
import { MigrationError } from "./migrations.ts";
import { ORGANIZATION_SETTING, PURPOSE_SETTING } from "./log_store/wall.ts";
import { locked, type RepairOptions } from "./repair.ts";
import { scramVerifier } from "./scram.ts";

/** All that the server's role may do. A new table, or a column that the server writes, belongs in here. */
export const GRANTS: readonly (readonly [table: string, privileges: string])[] = [
  ["logs", "select"],
  // Neither id nor xid: who could choose those could hide logs from cursors.
  ["logs", 'insert (organization_id, "timestamp", level, service, message, metadata)'],
  ["organizations", "select"],
  ["tailpost_tokens", "select"],
  ["tailpost_tokens", "insert (organization_id, name, scope, hash, prefix, expires_at)"],
  ["tailpost_tokens", "update (revoked_at, last_used_at)"],
  ["tailpost_keys", "select"],
  ["tailpost_keys", "insert (name, key)"],
  ["tailpost_views", "select"],
  ["tailpost_views", "insert (organization_id, name, query, is_default, created_by)"],
  ["tailpost_views", "update (name, query, is_default, updated_at)"],
  ["tailpost_views", "delete"],
  ["tailpost_migrations", "select"],
];

/** Tables whose rows belong to an organization, and are shown to the role by policies. */
const WALLED = ["logs", "organizations", "tailpost_views"] as const;

/** What reading a log calls, the trigger on behalf of who inserts, and the listener. */
const FUNCTIONS = [
  "log_level(text)",
  "log_timestamp(timestamptz)",
  "log_entry(bigint, timestamptz, text, text, text, integer)",
  "logs_watched()",
  "tailpost_watch(uuid, bigint[])",
];

/** What is asked for as a role's name: whoever is at the keyboard needs no quotes for it anywhere. */
export const ROLE_NAME = /^[a-z_][a-z0-9_]{0,49}$/u;

/** See {@link makeServerRole}. The source `wal` takes REPLICATION; a role that has it keeps it with any. */
export interface ServerRoleOptions extends RepairOptions {
  /** Default: that of the role as it is; a made-up one where the role is new. Printable ASCII. */
  readonly password?: string | null;
}

/** What was done, or would be. */
export interface ServerRole {
  /** Nobody had made it before. */
  readonly isNew: boolean;
  /** The password that was made up, which is kept nowhere. */
  readonly password: string | null;
  /** The SQL that was run; a verifier in it is left out. */
  readonly sql: string;
  /** What still lets the role do more than it has to, for people. */
  readonly notes: readonly string[];
}

/**
 * Makes a role for the server, or puts right what one may do. Takes an account that owns the tables and may make roles.
 *
 * @throws {MigrationError} when the account may not, or the role could do more than any policy or grant holds back
 */
export async function makeServerRole(
  sql: postgres.Sql,
  name: string,
  options: ServerRoleOptions = {},
): Promise<ServerRole> {
  if (!ROLE_NAME.test(name)) throw new RangeError(`no name for a role: ${name}`);
  const what = `make the role ${name}`;
  const replicates = options.source === "wal";
  try {
    return await locked(sql, what, options, async (sql) => {
      const facts = await inspect(sql, name);
      if (facts.powers.length > 0) {
        throw new MigrationError(
          "failed",
          `Cannot ${what}: nothing would hold it back, for it is or may become ${facts.powers.join(", ")}. ` +
            "Give another name",
        );
      }
      const isNew = facts.canLogin === null;
      const password = options.password ?? (isNew ? randomPassword() : null);
      const statements = [
        ...statementsFor(name, facts, password),
        ...replicates && !facts.mayReplicate ? [`alter role ${name} replication`] : [],
      ];
      const shown = statements.map((statement) => statement.replace(/SCRAM-SHA-256\$[^']*/u, "***"));
      const done = {
        isNew,
        password: options.password ? null : password,
        sql: shown.join(";\n") + ";\n",
      };
      if (options.dryRun) return { ...done, password: null, notes: [] };
      await sql.unsafe(statements.join(";\n")).simple();
      const notes = await notesOn(sql, name, facts.schema);
      return { ...done, notes: replicates ? [...notes, replicationNote(name)] : notes };
    });
  } catch (error) {
    const refused = error instanceof MigrationError && sqlState(error.cause) === "42501";
    if (!refused) throw error;
    throw new MigrationError(
      "failed",
      `${error.message}. It takes an account that owns the tables and has CREATEROLE, or a superuser` +
        (replicates ? "; for REPLICATION it has to have that too, and before PostgreSQL 16 to be one" : ""),
      { cause: error.cause },
    );
  }
}

interface Facts {
  /** Null where there is no such role. */
  readonly canLogin: boolean | null;
  readonly mayReplicate: boolean;
  /** Roles that it is or can become, and that policies and grants do not bind. */
  readonly powers: readonly string[];
  readonly database: string;
  /** Whether everybody may connect. */
  readonly mayConnect: boolean;
  readonly schema: string;
  /** Tables with row-level security. */
  readonly walled: readonly string[];
  /** Policies as `<table> <name> <definition>`: as they were made here. */
  readonly policies: readonly string[];
}

async function inspect(sql: postgres.ISql, name: string): Promise<Facts> {
  const [facts] = await sql<Facts[]>`
    with ours as (
      select pg_class.oid, relname, relowner, relrowsecurity, relnamespace from pg_class
      where relnamespace = (select relnamespace from pg_class where oid = to_regclass('logs'))
        and relkind in ('r', 'p') and relname = any(${`{${[
    ...new Set(GRANTS.map(([table]) => table)),
  ]}}`}::text::text[])
    ), role as (select * from pg_roles where rolname = ${name})
    select
      (select rolcanlogin from role) as "canLogin",
      exists (
        select from role where rolreplication or exists (
          select from pg_roles as rds where rds.rolname = 'rds_replication' and pg_has_role(role.oid, rds.oid, 'member')
        )
      ) as "mayReplicate",
      has_database_privilege('public', current_database(), 'connect') as "mayConnect",
      to_json(array(
        select power.rolname::text from pg_roles as power, role
        where pg_has_role(role.oid, power.oid, 'member') and (
          power.rolsuper or power.rolbypassrls or power.rolcreaterole
          or power.rolname ~ '^pg_(?:(?:read|write)_all_data|maintain|(?:read|write)_server_files|execute_server_program)$'
          or power.oid in (select relowner from ours)
          or power.oid in (select nspowner from pg_namespace where oid in (select relnamespace from ours))
          or power.oid = (select datdba from pg_database where datname = current_database())
        ) order by 1
      )) as powers,
      quote_ident(current_database()) as database,
      (select quote_ident(nspname) from pg_namespace where oid = (select min(relnamespace) from ours)) as schema,
      to_json(array(select relname::text from ours where relrowsecurity)) as walled,
      to_json(array(
        select relname || ' ' || polname || ' ' || coalesce(obj_description(pg_policy.oid, 'pg_policy'), '')
        from pg_policy join ours on ours.oid = polrelid
      )) as policies`;
  if (!facts?.schema) {
    throw new MigrationError("failed", "There are no tables yet: run tailpost migrate first");
  }
  return facts;
}

function statementsFor(name: string, facts: Facts, password: string | null): string[] {
  const { canLogin, database, schema } = facts;
  const at = (object: string) => `${schema}.${object}`;
  const tables = [...new Set(GRANTS.map(([table]) => table))];
  const login = password === null ? "login" : `login password '${scramVerifier(password)}'`;
  return [
    ...canLogin === true && password === null
      ? []
      : [`${canLogin === null ? "create" : "alter"} role ${name} ${login}`],
    // Where the server finds the tables.
    ...schema === "public" ? [] : [`alter role ${name} in database ${database} set search_path = ${schema}`],
    ...facts.mayConnect ? [] : [`grant connect on database ${database} to ${name}`],
    `revoke all on schema ${schema} from ${name}`,
    `grant usage on schema ${schema} to ${name}`,
    ...tables.map((table) => `revoke all on ${at(table)} from ${name}`),
    ...GRANTS.map(([table, privileges]) => `grant ${privileges} on ${at(table)} to ${name}`),
    ...FUNCTIONS.map((name) => at(name)).map((signature) =>
      `grant execute on function ${signature} to ${name}`
    ),
    ...policiesFor(name).flatMap(([table, policy, definition]) => {
      const on = `policy ${policy} on ${at(table)}`;
      // Changing one takes the table for a moment from everybody.
      return facts.policies.includes(`${table} ${policy} ${definition}`) ? [] : [
        `drop policy if exists ${policy} on ${at(table)}`,
        `create ${on} ${definition}`,
        `comment on ${on} is '${definition.replaceAll("'", "''")}'`,
      ];
    }),
    ...WALLED.filter((table) => !facts.walled.includes(table))
      .map((table) => `alter table ${at(table)} enable row level security`),
  ];
}

/** The policies, as `create policy` takes them. */
function policiesFor(name: string): [table: string, policy: string, definition: string][] {
  const purpose = (purpose: string) => `(select current_setting('${PURPOSE_SETTING}', true)) = '${purpose}'`;
  const wall = (column: string, all: string | null) =>
    `as restrictive for all to ${name} using (${isInside(column)}${
      all === null ? "" : ` or ${purpose(all)}`
    }) with check (${isInside(column)})`;
  const walls: Readonly<Record<(typeof WALLED)[number], string>> = {
    logs: wall("organization_id", "foreign_logs"),
    organizations: wall("id", "organizations"),
    tailpost_views: wall("organization_id", null),
  };
  return WALLED.flatMap((table) => [
    [table, "tailpost_others", "for all to public using (true) with check (true)"],
    [table, `${name}_wall`, walls[table]],
  ]);
}

/**
 * Whether a row is of the organization that the statement is for. The subquery is asked when the first row is compared, and not
 * before. A bare comparison would be put together with the statement's own, and decided before the setting is made; and it
 * would be taken to leave one row in so many, of rows that the statement's own has chosen already.
 */
function isInside(column: string): string {
  return `coalesce(${column} = (select nullif(current_setting('${ORGANIZATION_SETTING}', true), '')::bigint), false)`;
}

async function notesOn(sql: postgres.ISql, name: string, schema: string): Promise<string[]> {
  const [more] = await sql<{ create: boolean }[]>`
    select has_schema_privilege(${name}, ${schema}::regnamespace, 'create') as create`;
  return more?.create
    ? [`Everybody may make tables in the schema ${schema}: REVOKE CREATE ON SCHEMA ${schema} FROM PUBLIC`]
    : [];
}

function replicationNote(name: string): string {
  return `The role ${name} has REPLICATION, for --source wal: whoever has its password can read all that is written in ` +
    "any database of this PostgreSQL, past row-level security";
}

/** 192 bits, of characters that need no quotes in URLs and SQL. */
function randomPassword(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
