/** What the newest logs of an organization hold: levels, services and metadata, for those who write a filter. */

import type { Level } from "../log.ts";
import { type MetadataField, metadataFields } from "../metadata_fields.ts";
import { behindWall, type ScopedSql } from "./wall.ts";

/** Rows that are looked at, and the newest of them, whose metadata is. */
export const VALUES_ROWS = 10_000;
export const METADATA_ROWS = 2000;

/** Services that the answer has room for, and the length of a name, in characters: longer ones are left out. */
const MOST_SERVICES = 100;
const LONGEST_NAME = 200;

/**
 * Metadata that takes more bytes in its row, or more characters as text, is not looked into. PostgreSQL stores what is larger elsewhere,
 * and would have to fetch megabytes of it for this.
 */
const MOST_BYTES = 2000;
const MOST_CHARACTERS = 8000;

/** How often a service was seen. */
export interface ServiceCount {
  readonly value: string;
  readonly count: number;
}

/** What was seen, the most frequent first. */
export interface LogValues {
  /** Levels that were seen. */
  readonly levels: Readonly<Partial<Record<Level, number>>>;
  readonly services: readonly ServiceCount[];
  /** Fields of metadata, of the newest {@link METADATA_ROWS}. */
  readonly metadata: readonly MetadataField[];
  /** Rows that were looked at: at most {@link VALUES_ROWS}. */
  readonly of: number;
}

/** What the statement gives. Metadata comes as text: PostgreSQL takes ten times as long to look into it. */
type Row = Omit<LogValues, "metadata"> & { readonly texts: readonly (string | null)[] };

/** Counts what the newest rows hold, by the index that history uses. */
export async function readValues(db: ScopedSql, organizationId: number): Promise<LogValues> {
  const { sql } = db;
  const [row] = await sql<Row[]>`
    with newest as materialized (
      select log_level(level) as level, service,
        case when pg_column_size(metadata) <= ${MOST_BYTES} then metadata end as metadata
      from logs
      where ${behindWall(db)} and organization_id = ${organizationId}
      order by id desc
      limit ${VALUES_ROWS}
    )
    select
      (select count(*)::int from newest) as of,
      (select coalesce(json_object_agg(level, n), '{}')
        from (select level, count(*) as n from newest group by level order by n desc, level) as counted) as levels,
      (select coalesce(json_agg(json_build_object('value', service, 'count', n)), '[]')
        from (
          select service, count(*) as n from newest where length(service) <= ${LONGEST_NAME}
          group by service order by n desc, service limit ${MOST_SERVICES}
        ) as counted) as services,
      (select coalesce(json_agg(left(metadata::text, ${MOST_CHARACTERS + 1})), '[]')
        from (select metadata from newest limit ${METADATA_ROWS}) as some_rows where metadata is not null) as texts`;
  if (!row) throw new Error("PostgreSQL gave no values");
  const { levels, services, texts, of } = row;
  const whole = texts.flatMap((text) => text && text.length <= MOST_CHARACTERS ? JSON.parse(text) : []);
  return { levels, services, metadata: metadataFields(whole), of };
}
