/** Positions in the write-ahead log (PostgreSQL manual, pg_lsn Type). Pure. */

/** A text that is no position. */
export class LsnError extends Error {
  override readonly name = "LsnError";
}

/**
 * Reads a position as PostgreSQL writes it, `16/B374D848`.
 *
 * @throws {LsnError} when it is not of that shape
 */
export function parseLsn(text: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/iu.exec(text) ?? [];
  if (high === undefined || low === undefined) {
    throw new LsnError(`Not a position in the WAL: ${JSON.stringify(text.slice(0, 40))}`);
  }
  return BigInt(`0x${high}`) << 32n | BigInt(`0x${low}`);
}

/** Writes a position as PostgreSQL does. Every version reads it, with leading zeros or without. */
export function formatLsn(lsn: bigint): string {
  const hex = (half: bigint) => half.toString(16).toUpperCase();
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffffffffn)}`;
}
