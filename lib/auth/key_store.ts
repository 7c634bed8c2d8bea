/** The key that signs sessions: made once, shared by every server of a database. */

import { Buffer } from "node:buffer";
import type postgres from "postgres";

/** Reads the key, and makes it where there is none. Two servers that begin at once get the same. */
export async function readSessionKey(sql: postgres.Sql): Promise<Uint8Array> {
  const read = async () =>
    (await sql<{ key: Uint8Array }[]>`select key from tailpost_keys where name = 'session'`)[0]?.key;
  const key = await read();
  if (key) return new Uint8Array(key);
  const made = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
  await sql`insert into tailpost_keys (name, key) values ('session', ${made}) on conflict do nothing`;
  const stored = await read();
  if (!stored) throw new Error("PostgreSQL stored no key");
  return new Uint8Array(stored);
}
