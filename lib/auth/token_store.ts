/** Tokens in their table. */

import { Buffer } from "node:buffer";
import type postgres from "postgres";
import type { Scope } from "./scope.ts";
import { createToken, hashToken, isToken, prefixOf } from "./token.ts";

/** A token, without the token. */
export interface Token {
  readonly id: number;
  /** Null: all. */
  readonly organizationId: number | null;
  readonly name: string;
  readonly scope: Scope;
  readonly prefix: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** A token as it is verified. */
export interface StoredToken extends Token {
  readonly hash: Uint8Array;
  /** Neither expired nor revoked, by the database's own clock. */
  readonly usable: boolean;
  /** Milliseconds until it expires, by the database's own clock; null where it does not. */
  readonly expiresIn: number | null;
}

/** What a new token is to be. */
export interface NewToken {
  /** Null with the scope admin, and only with that. */
  readonly organizationId: number | null;
  readonly name: string;
  readonly scope: Scope;
  /** Seconds; null: does not expire. */
  readonly expiresIn: number | null;
}

/** The channel on which the database tells of changed tokens (migration 0003). */
export const TOKENS_CHANNEL = "tailpost_tokens";

/** What keeps a token from being made. The message is for people. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

function columns(sql: postgres.ISql) {
  return sql`
    id::float8 as id, organization_id::float8 as "organizationId", name, scope, prefix, created_at as "createdAt",
    expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt"`;
}

const isUsable = (sql: postgres.ISql) =>
  sql`(revoked_at is null and (expires_at is null or expires_at > clock_timestamp()))`;

function stored(sql: postgres.ISql) {
  return sql`
    ${columns(sql)}, hash, ${isUsable(sql)} as usable,
    (extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 as "expiresIn"`;
}

/** The token with this hash, usable or not. */
export async function findByHash(sql: postgres.Sql, hash: Uint8Array): Promise<StoredToken | null> {
  const [row] = await sql<StoredToken[]>`
    select ${stored(sql)} from tailpost_tokens where hash = ${Buffer.from(hash)}`;
  return row ?? null;
}

/** Tokens by their ids, usable or not. */
export async function findByIds(sql: postgres.Sql, ids: readonly number[]): Promise<StoredToken[]> {
  if (ids.length === 0) return [];
  return await sql<StoredToken[]>`
    select ${stored(sql)} from tailpost_tokens where id = any(${`{${ids.join()}}`}::text::bigint[])`;
}

/** All tokens, the newest first. */
export async function listTokens(sql: postgres.Sql): Promise<Token[]> {
  return await sql<Token[]>`select ${
    columns(sql)
  } from tailpost_tokens order by tailpost_tokens.id desc limit 1000`;
}

/** Whether anybody can sign in as an administrator. */
export async function hasAdmin(sql: postgres.Sql): Promise<boolean> {
  const rows = await sql`select from tailpost_tokens where scope = 'admin' and ${isUsable(sql)} limit 1`;
  return rows.length > 0;
}

/**
 * Makes a token, and gives it. It cannot be had a second time.
 *
 * @throws {TokenError} when there is no such organization, or the scope and the organization do not fit
 */
export async function insertToken(
  sql: postgres.Sql,
  token: NewToken,
): Promise<{ text: string; token: Token }> {
  const { organizationId, name, scope, expiresIn } = token;
  if ((scope === "admin") !== (organizationId === null)) {
    throw new TokenError(
      scope === "admin"
        ? "An admin token is for all organizations"
        : `A token to ${scope} is for one organization`,
    );
  }
  // PostgreSQL's text cannot hold U+0000.
  if (name.trim() === "" || [...name].length > 100 || name.includes("\0")) {
    throw new TokenError("A name has 1 to 100 characters");
  }
  const text = createToken();
  try {
    const [row] = await sql<Token[]>`
      insert into tailpost_tokens (organization_id, name, scope, hash, prefix, expires_at)
      values (
        ${organizationId}, ${name.trim()}, ${scope}, ${Buffer.from(hashToken(text))}, ${prefixOf(text)},
        now() + make_interval(secs => ${expiresIn}::float8)
      )
      returning ${columns(sql)}`;
    if (!row) throw new Error("PostgreSQL stored no token");
    return { text, token: row };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "23503") {
      throw new TokenError(`There is no organization ${organizationId}`, { cause: error });
    }
    throw error;
  }
}

/**
 * Revokes a token by its id, its beginning where no other has it, or itself.
 *
 * @throws {TokenError} when there is none, or more than one
 */
export async function revokeToken(sql: postgres.Sql, which: string): Promise<Token> {
  // Beginnings are ASCII. What PostgreSQL's text cannot hold, U+0000, must not reach it.
  if (!/^[\w.-]{1,100}$/u.test(which)) throw new TokenError("A token is named by its id or its beginning");
  const condition = /^\d{1,15}$/u.test(which)
    ? sql`id = ${Number(which)}`
    : isToken(which)
    ? sql`hash = ${Buffer.from(hashToken(which))}`
    : sql`left(prefix, ${which.length}) = ${which} and revoked_at is null`;
  const found = await sql<{ id: number }[]>`
    select id::float8 as id from tailpost_tokens where ${condition} limit 2`;
  const shown = prefixOf(which);
  if (found.length > 1) throw new TokenError(`More than one token begins with ${shown}: revoke it by its id`);
  const [token] = await sql<Token[]>`
    update tailpost_tokens set revoked_at = coalesce(revoked_at, now()) where id = ${found[0]?.id ?? 0}
    returning ${columns(sql)}`;
  if (!token) throw new TokenError(`There is no token ${shown}`);
  return token;
}

/** Notes that a token was used, where that was not noted within the minute. */
export async function touchToken(sql: postgres.Sql, id: number): Promise<void> {
  await sql`
    update tailpost_tokens set last_used_at = now()
    where id = ${id} and (last_used_at is null or last_used_at < now() - interval '1 minute')`;
}
