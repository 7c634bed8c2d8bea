/** The facts by which a database is judged, in one query of its catalog. It needs no table of ours and no privilege. */

import type postgres from "postgres";
import type { DatabaseFacts } from "./database_state.ts";
import type { Migration } from "./migrations.ts";
import type { Source, WalFacts } from "./wal_state.ts";

/** A row of {@link readFacts}. */
export interface FactsRow {
  readonly standby: boolean;
  readonly queueUsage: number;
  /** The current snapshot. */
  readonly snapshot: string;
  /** The backend that answered, and the one that the connection was told of at its start. */
  readonly pid: number;
  readonly announcedPid: number | null;
  /** Of `logs`, as the search path finds it; null where it finds none. */
  readonly schema: string | null;
  readonly hidden: boolean;
  readonly maySelect: boolean;
  readonly mayInsert: boolean;
  readonly triggerEnabled: string | null;
  /** Whether the trigger fires after each INSERT statement, without a condition, and hands over the rows. */
  readonly triggerFires: boolean;
  /** SHA-256 of the function's body, its schema taken out; null where the trigger calls none of that name. */
  readonly body: string | null;
  /** Changes with every change of the trigger or its function, also with one that was taken back. */
  readonly revision: string;
  /** What logical decoding needs; null with the source `notify`. */
  readonly wal: WalFacts | null;
}

/** See {@link readFacts}. */
export interface ReadFactsOptions {
  /** Default false. */
  readonly prepared?: boolean;
  /** Default `notify`. */
  readonly source?: Source;
}

/**
 * Reads the facts. Planning the query takes several times as long as running it: it is prepared where that is safe, which it is not
 * behind a pooler.
 *
 * `to_regclass()` finds the table where queries find it: in any schema of the search path, partitioned or not.
 */
export async function readFacts(
  sql: postgres.ISql,
  { prepared = false, source = "notify" }: ReadFactsOptions = {},
): Promise<FactsRow> {
  const query = sql<FactsRow[]>`
    select
      pg_is_in_recovery() as standby,
      pg_notification_queue_usage() as "queueUsage",
      pg_current_snapshot()::text as snapshot,
      pg_backend_pid() as pid,
      (select nspname from pg_class join pg_namespace as n on n.oid = relnamespace where pg_class.oid = logs.oid)
        as schema,
      exists (
        select from pg_class join pg_namespace as n on n.oid = relnamespace
        where relname = 'logs' and relkind in ('r', 'p') and not has_schema_privilege(n.oid, 'usage')
      ) as hidden,
      coalesce((
        select bool_and(has_column_privilege(attrelid, attnum, 'select')) from pg_attribute
        where attrelid = logs.oid and not attisdropped and attname in
          ('id', 'organization_id', 'timestamp', 'level', 'service', 'message', 'metadata', 'xid')
      ), false) as "maySelect",
      coalesce((
        select bool_and(has_column_privilege(attrelid, attnum, 'insert')) from pg_attribute
        where attrelid = logs.oid and not attisdropped and attname in
          ('organization_id', 'timestamp', 'level', 'service', 'message', 'metadata')
      ), false) as "mayInsert",
      trigger.enabled as "triggerEnabled",
      coalesce(trigger.fires, false) as "triggerFires",
      trigger.body,
      coalesce(trigger.revision, '') as revision,
      ${source === "wal" ? walFacts(sql) : sql`null::json`} as wal
    from (select to_regclass('logs')::oid as oid) as logs
    left join lateral (
      select
        tgenabled::text as enabled,
        -- 4 is INSERT; of the other bits 1 would be FOR EACH ROW, 2 BEFORE, 64 INSTEAD OF.
        -- Without the condition of the migration the function is called for nothing, and does the same.
        tgtype = 4 and tgnewtable = 'new_logs' and (tgqual is null or pg_get_triggerdef(t.oid) ~
          'WHEN \\(\\s*CASE\\s+WHEN has_sequence_privilege\\(.*THEN \\(pg_sequence_last_value\\(.*tailpost_watched.*<> 0\\)\\s+ELSE true\\s+END\\)'
        ) as fires,
        case when proname = 'logs_notify' then encode(sha256(convert_to(replace(
          replace(
            replace(prosrc, quote_ident(nspname) || '.log_entry(', '"$schema".log_entry('),
            quote_ident(nspname) || '.logs_watched(', '"$schema".logs_watched('
          ), e'\\r', ''
        ), 'UTF8')), 'hex') end as body,
        concat_ws(' ', t.oid, t.xmin, p.oid, p.xmin) as revision
      from pg_trigger as t join pg_proc as p on p.oid = tgfoid join pg_namespace as n on n.oid = pronamespace
      where tgrelid = logs.oid and not tgisinternal and (tgname = 'logs_notify' or proname = 'logs_notify')
      order by tgenabled in ('O', 'A') desc, proname = 'logs_notify' desc
      limit 1
    ) as trigger on true`;
  const rows = await (prepared ? query : query.simple());
  const [row] = rows;
  if (!row) throw new Error("PostgreSQL told nothing about itself");
  // Only with a connection of one's own are both the same. Known once the connection stands.
  const { pid } = rows.state as { pid: number | null };
  return { ...row, announcedPid: pid };
}

/**
 * An expression for {@link WalFacts} beside `logs`. Only the catalog is read: `pg_get_publication_tables()` would wait for whoever
 * has locked the table. What the publication holds is counted by what depends on it, which is all that a version knows of.
 */
function walFacts(sql: postgres.ISql) {
  return sql`(
    select json_build_object(
      'level', current_setting('wal_level'),
      'account', quote_ident(session_user),
      'mayReplicate', exists (
        select from pg_roles as role
        where rolname = session_user and (rolsuper or rolreplication)
          or rolname = 'rds_replication' and pg_has_role(session_user, role.oid, 'member')
      ),
      'publication', case when publication.oid is not null then
        pubinsert and not (puballtables or pubupdate or pubdelete or pubtruncate) and pubviaroot
          and table_revision is not null and members = 1
      end,
      'revision', concat_ws(' ', publication.oid, publication.xmin, table_revision),
      'slots', json_build_object(
        'used', (select count(*) from pg_get_replication_slots()),
        'most', current_setting('max_replication_slots')::integer
      ),
      'senders', json_build_object(
        'used', (select count(*) from pg_stat_get_wal_senders()),
        'most', current_setting('max_wal_senders')::integer
      )
    )
    from (select) as one
    left join (select *, xmin from pg_publication where pubname = 'tailpost') as publication on true
    left join lateral (
      select concat_ws(' ', t.oid, t.xmin) as table_revision from pg_publication_rel as t
      -- Neither a row filter nor a list of columns, of which PostgreSQL 14 has none.
      where prpubid = publication.oid and prrelid = logs.oid
        and to_jsonb(t) ->> 'prqual' is null and to_jsonb(t) ->> 'prattrs' is null
    ) as published on true
    left join lateral (
      select count(*) as members from pg_depend
      where refclassid = 'pg_publication'::regclass and refobjid = publication.oid
    ) as held on true
  )`;
}

/** Which run of which cluster answers. */
export interface Origin {
  readonly cluster: string;
  /** When it was started; only to be compared, see `Fetched.started` of `lib/hub/ports.ts`. */
  readonly started: string;
  /** The id of the next transaction, as of the last checkpoint: at a start, the one that ends recovery. */
  readonly nextXid: string;
}

/** Reads it. Refused where somebody took the right to these functions from the public. */
export async function readOrigin(sql: postgres.ISql): Promise<Origin> {
  const [origin] = await sql<Origin[]>`
    select system_identifier::text as cluster, extract(epoch from pg_postmaster_start_time())::text as started,
      (split_part(next_xid, ':', 1)::bigint * 4294967296 + split_part(next_xid, ':', 2)::bigint)::text as "nextXid"
    from pg_control_system(), pg_control_checkpoint()`.simple();
  if (!origin) throw new Error("PostgreSQL told nothing about its cluster");
  return origin;
}

/**
 * What {@link FactsRow.body} is where the function is as the newest migration that made it left it.
 *
 * @throws {RangeError} when no migration makes it
 */
export async function expectedBody(migrations: readonly Migration[]): Promise<string> {
  const made = migrations.findLast(({ up }) => up.includes("function logs_notify()"));
  const body = /function logs_notify\(\)[^]*?as \$function\$([^]*?)\$function\$/u.exec(made?.up ?? "")?.[1];
  if (body === undefined) throw new RangeError("no migration makes logs_notify()");
  const text = new TextEncoder().encode(body.replaceAll("\r", ""));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The part of a diagnosis that {@link FactsRow} tells. `body` is what is expected; null where that is not known. */
export function factsOf(
  row: FactsRow,
  body: string | null,
): Omit<DatabaseFacts, "pooler" | "foreignLogs" | "hasSlot"> {
  const { standby, queueUsage, hidden, maySelect, triggerEnabled, wal } = row;
  return {
    standby,
    queueUsage,
    hasTable: row.schema !== null,
    hidden,
    maySelect,
    triggerEnabled,
    triggerAsMade: row.triggerFires && (body === null || row.body === body),
    wal,
  };
}
