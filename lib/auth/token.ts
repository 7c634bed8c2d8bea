/** Tokens as text: `tp_` and 43 letters and digits, 256 random bits. Pure, but for the randomness of a new one. */

import { createHash, timingSafeEqual } from "node:crypto";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 62 ** 43 is just over 2 ** 256. Letters and digits alone: a double click selects all of it. */
const LENGTH = 43;

/** How much of a token is shown afterwards: `tp_` and 6 of the 43, which leaves 220 bits to guess. */
const PREFIX_LENGTH = 9;

/** Makes a token of 32 random bytes. */
export function createToken(bytes: Uint8Array = crypto.getRandomValues(new Uint8Array(32))): string {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  for (let i = 0; i < LENGTH; i++, number /= 62n) text = DIGITS[Number(number % 62n)] + text;
  return `tp_${text}`;
}

/** Whether a text looks like a token. Whatever does not is refused without asking the database. */
export function isToken(text: string): boolean {
  return /^tp_[0-9A-Za-z]{43}$/u.test(text);
}

/** The beginning of a token, by which people tell it from others. */
export function prefixOf(token: string): string {
  return token.slice(0, PREFIX_LENGTH);
}

/**
 * What is stored of a token: SHA-256. A slow hash protects what people think up. This is 256 random bits: nobody can try
 * them out, however fast each try is, and it is computed with every request.
 */
export function hashToken(token: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(token).digest());
}

/**
 * Compares two hashes in constant time. The index lookup before it is not constant, and tells an attacker nothing: to learn a
 * hash byte by byte one would have to choose tokens by their SHA-256.
 */
export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Takes the token out of a request's headers; null where there is none. Never out of its URL, which is logged. */
export function tokenOf(headers: Headers): string | null {
  const bearer = /^bearer +(\S+) *$/iu.exec(headers.get("authorization") ?? "")?.[1];
  return bearer ?? headers.get("x-api-key");
}

/** Seconds of a duration such as 90d, 12h or 30m; null where it is none. */
export function parseDuration(text: string): number | null {
  const [, digits, unit] = /^(\d{1,5})([smhdwy])$/u.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return null;
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 }[unit] ?? 0;
  return Number(digits) > 0 ? Number(digits) * seconds : null;
}
