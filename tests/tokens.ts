/** Tokens for tests. */

import type postgres from "postgres";
import { insertToken, type NewToken } from "../lib/auth/token_store.ts";

/** Makes a token, and gives its text. Default: one that may read the first organization, an administrator's for all. */
export async function makeToken(sql: postgres.Sql, token: Partial<NewToken> = {}): Promise<string> {
  const organizationId = token.scope === "admin" ? null : 1;
  return (await insertToken(sql, { organizationId, name: "test", scope: "read", expiresIn: null, ...token }))
    .text;
}
