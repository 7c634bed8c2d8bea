/** Saved views in their table. */

import type postgres from "postgres";
import { ApiError } from "./api_error.ts";
import { behindWall, type ScopedSql } from "./log_store/wall.ts";
import { type SavedView, VIEW_BOUNDS } from "./saved_view.ts";
import type { ViewChange, ViewInput } from "./view_input.ts";

/** Those who save in the same moment may each find room for one more: so many are read beyond the bound. */
const MARGIN = 100;

function columns(sql: postgres.ISql) {
  const time = (column: string) =>
    sql`to_char(${sql(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  return sql`
    id::float8 as id, name, query, is_default as "isDefault", created_by as "createdBy",
    ${time("created_at")} as "createdAt", ${time("updated_at")} as "updatedAt"`;
}

/** The views of an organization, by name. */
export async function listViews(db: ScopedSql, organizationId: number): Promise<SavedView[]> {
  return await db.sql<SavedView[]>`
    select ${columns(db.sql)} from tailpost_views
    where ${behindWall(db)} and organization_id = ${organizationId}
    order by lower(name), id limit ${VIEW_BOUNDS.views + MARGIN}`;
}

/** The query of the view that an organization's page opens with, `null` where there is none. */
export async function readDefaultQuery(db: ScopedSql, organizationId: number): Promise<string | null> {
  const [row] = await db.sql<{ query: string }[]>`
    select query from tailpost_views
    where ${behindWall(db)} and organization_id = ${organizationId} and is_default`;
  return row?.query ?? null;
}

/**
 * Saves a view. One that is to be the default takes the place of the one before.
 *
 * @throws {ApiError} 409 where the name is taken or there are too many, 404 without such an organization
 */
export async function insertView(
  db: ScopedSql,
  organizationId: number,
  view: ViewInput & { readonly createdBy: string | null },
): Promise<SavedView> {
  const { sql } = db;
  // The count over `cleared` has it done first: the index lets no two be the default for a moment either.
  const [saved] = await explained(view.name, organizationId)(sql<SavedView[]>`
    with room as (
      select count(*) < ${VIEW_BOUNDS.views} as is_left from tailpost_views where ${behindWall(db)}
        and organization_id = ${organizationId}
    ), cleared as (
      update tailpost_views set is_default = false where ${behindWall(db)}
        and organization_id = ${organizationId} and is_default and ${view.isDefault}
        and (select is_left from room)
      returning id
    )
    insert into tailpost_views (organization_id, name, query, is_default, created_by)
    select ${organizationId}, ${view.name}, ${view.query}, ${view.isDefault}, ${view.createdBy}
    where ${behindWall(db)} and (select is_left from room) and (select count(*) from cleared) is not null
    returning ${columns(sql)}`);
  if (saved) return saved;
  throw new ApiError(
    409,
    "too_many_views",
    `There are ${VIEW_BOUNDS.views} saved views already, and no more are kept: delete one first`,
  );
}

/**
 * Changes a view: what is absent stays.
 *
 * @throws {ApiError} 404 where the organization has none of this id, 409 where the name is taken
 */
export async function updateView(
  db: ScopedSql,
  organizationId: number,
  { id, ...change }: ViewChange & { readonly id: number },
): Promise<SavedView> {
  const { sql } = db;
  const { name = null, query = null, isDefault = null } = change;
  const [saved] = await explained(name ?? "", organizationId)(sql<SavedView[]>`
    with target as (
      select id from tailpost_views where ${behindWall(db)}
        and organization_id = ${organizationId} and id = ${id}
    ), cleared as (
      update tailpost_views set is_default = false where ${behindWall(db)}
        and organization_id = ${organizationId} and is_default and ${isDefault === true}
        and tailpost_views.id <> (select id from target)
      returning id
    )
    update tailpost_views set
      name = coalesce(${name}::text, name), query = coalesce(${query}::text, query),
      is_default = coalesce(${isDefault}::boolean, is_default), updated_at = now()
    where ${behindWall(db)} and organization_id = ${organizationId} and id = ${id}
      and (select count(*) from cleared) is not null
    returning ${columns(sql)}`);
  if (saved) return saved;
  throw noSuchView();
}

/**
 * Deletes a view.
 *
 * @throws {ApiError} 404 where the organization has none of this id
 */
export async function deleteView(db: ScopedSql, organizationId: number, id: number): Promise<void> {
  const { count } = await db.sql`
    delete from tailpost_views
    where ${behindWall(db)} and organization_id = ${organizationId} and id = ${id}`;
  if (count === 0) throw noSuchView();
}

/** The error for an id that an organization has no view of. */
export function noSuchView(): ApiError {
  return new ApiError(404, "not_found", "There is no such view");
}

/** Puts into words what PostgreSQL refuses. */
function explained(name: string, organizationId: number) {
  return async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (cause) {
      const { code, constraint_name: constraint } = cause as { code?: string; constraint_name?: string };
      if (code === "23503") {
        throw new ApiError(404, "not_found", `There is no organization ${organizationId}`, { cause });
      }
      if (code !== "23505" && code !== "40P01") throw cause;
      // Of those who choose a default at once, two may also wait for each other: PostgreSQL ends one.
      throw code === "40P01" || constraint === "tailpost_views_default"
        ? new ApiError(409, "conflict", "Another view was made the default in this moment: try again", {
          cause,
        })
        : new ApiError(
          409,
          "name_taken",
          `There is a view ${JSON.stringify(name)} already: give another name`,
          {
            cause,
          },
        );
    }
  };
}
