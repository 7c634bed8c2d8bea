/** Passwords as PostgreSQL stores them. Whoever sends that in place of the password leaves none in PostgreSQL's log. */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** As PostgreSQL's own `scram_iterations`. */
const ITERATIONS = 4096;

/**
 * The SCRAM-SHA-256 verifier of a password (RFC 5802, section 3, and RFC 7677), in the form in which PostgreSQL takes and keeps
 * it: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (PostgreSQL manual, section 53.11, pg_authid).
 *
 * @throws {RangeError} for a password that is not printable ASCII: others would have to be normalised first (SASLprep, RFC 4013)
 */
export function scramVerifier(
  password: string,
  salt: Uint8Array = crypto.getRandomValues(new Uint8Array(16)),
): string {
  if (!/^[\x21-\x7e]+$/u.test(password)) throw new RangeError("A password is printable ASCII without spaces");
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${Buffer.from(salt).toString("base64")}$${storedKey}:${serverKey}`;
}
