/** Organizations: the tenants. */

import type postgres from "postgres";
import { behindWall, scoped } from "./log_store/wall.ts";

/** An organization. */
export interface Organization {
  readonly id: number;
  readonly name: string;
  readonly createdAt: Date;
}

/** What keeps an organization from being made or renamed. The message is for people. */
export class OrganizationError extends Error {
  override readonly name = "OrganizationError";
}

const columns = (sql: postgres.ISql) => sql`id::float8 as id, name, created_at as "createdAt"`;

/** All of them, the oldest first. */
export async function listOrganizations(sql: postgres.Sql): Promise<Organization[]> {
  return await sql<Organization[]>`select ${columns(sql)} from organizations where ${
    behindWall(scoped(sql, "organizations"))
  } order by organizations.id limit 1000`;
}

/**
 * Makes one.
 *
 * @throws {OrganizationError} when the name is taken or no name
 */
export async function createOrganization(sql: postgres.Sql, name: string): Promise<Organization> {
  const clean = nameOf(name);
  const [made] = await sql<Organization[]>`
    insert into organizations (name) values (${clean}) on conflict do nothing returning ${columns(sql)}`;
  if (!made) throw new OrganizationError(`There is an organization ${JSON.stringify(clean)} already`);
  return made;
}

/**
 * Gives one another name. Its logs and tokens stay.
 *
 * @throws {OrganizationError} when there is none, or the name is taken or no name
 */
export async function renameOrganization(sql: postgres.Sql, id: number, name: string): Promise<Organization> {
  const clean = nameOf(name);
  try {
    const [renamed] = await sql<Organization[]>`
      update organizations set name = ${clean} where id = ${id} returning ${columns(sql)}`;
    if (renamed) return renamed;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "23505")) throw error;
    throw new OrganizationError(`There is an organization ${JSON.stringify(clean)} already`, {
      cause: error,
    });
  }
  throw new OrganizationError(`There is no organization ${id}`);
}

function nameOf(name: string): string {
  const clean = name.trim();
  if (clean === "" || [...clean].length > 100 || clean.includes("\0")) {
    throw new OrganizationError("A name has 1 to 100 characters");
  }
  return clean;
}
