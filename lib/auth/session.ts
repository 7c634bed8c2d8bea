/**
 * Sessions of browsers, as the cookie that holds them: the token that somebody signed in with, when, and when they were last seen,
 * signed. Nothing of a session is kept on the server. Pure.
 */

import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** A session. Times are in epoch milliseconds. */
export interface Session {
  readonly tokenId: number;
  readonly issuedAt: number;
  readonly seenAt: number;
}

const HOUR = 3_600_000;

/** Not seen for so long, or this long after signing in, a session is over. In milliseconds. */
export const IDLE = 12 * HOUR;
export const ABSOLUTE = 7 * 24 * HOUR;

/** How old the cookie may get before it is renewed. */
const RENEW = 5 * 60_000;

/** The longest that one stream lasts: its browser returns, and has its cookie renewed well before that is idle for too long. */
const STREAM = IDLE / 2;

/** A clock may be so far ahead of that of the server which signed. */
const SKEW = 60_000;

/** Signs a session, with a key of at least 32 bytes. */
export function signSession({ tokenId, issuedAt, seenAt }: Session, key: Uint8Array): string {
  const text = `${tokenId}.${issuedAt}.${seenAt}`;
  return `${text}.${Buffer.from(macOf(text, key)).toString("base64url")}`;
}

/** Reads a session that this key has signed; null for any other, and for one that is over. */
export function readSession(text: string, key: Uint8Array, now: number): Session | null {
  const [, signed = "", mac = ""] = /^(\d{1,15}\.\d{1,15}\.\d{1,15})\.([\w-]{43})$/u.exec(text) ?? [];
  const given = Buffer.from(mac, "base64url");
  const expected = macOf(signed, key);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const [tokenId = 0, issuedAt = 0, seenAt = 0] = signed.split(".").map(Number);
  const isOver = now >= seenAt + IDLE || now >= issuedAt + ABSOLUTE || seenAt > now + SKEW;
  return isOver ? null : { tokenId, issuedAt, seenAt };
}

/** The session as it is now seen, where its cookie is due for renewal; else null. */
export function renewed(session: Session, now: number): Session | null {
  return now - session.seenAt >= RENEW ? { ...session, seenAt: now } : null;
}

/** How long a stream that begins now may last, in milliseconds. */
export function streamLifetime({ issuedAt }: Session, now: number): number {
  return Math.max(0, Math.min(STREAM, issuedAt + ABSOLUTE - now));
}

/** Behind TLS the name binds the cookie to this host, whoever holds a neighbouring one (RFC 6265bis, section 4.1.3.2). */
const nameOf = (secure: boolean) => secure ? "__Host-tailpost" : "tailpost";

/** The cookie of a request, null without one. */
export function sessionCookie(headers: Headers, secure: boolean): string | null {
  for (const part of (headers.get("cookie") ?? "").split(";")) {
    const [name, value] = part.trim().split("=");
    if (name === nameOf(secure) && value) return value;
  }
  return null;
}

/** A `Set-Cookie` header. Scripts cannot read it, other sites cannot send it along with a write. */
export function setSessionCookie(value: string, secure: boolean): string {
  const age = value === "" ? 0 : Math.floor(ABSOLUTE / 1000);
  return `${nameOf(secure)}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax${
    secure ? "; Secure" : ""
  }`;
}

function macOf(text: string, key: Uint8Array): Uint8Array {
  // The label keeps this key's other signatures, should there be any, from being sessions.
  return createHmac("sha256", key).update(`tailpost session 1\n${text}`).digest();
}
