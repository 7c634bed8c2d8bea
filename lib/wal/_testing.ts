/** The other side of `pgoutput.ts`, for tests. */

const encoder = new TextEncoder();

/** A message from its parts: texts are ended by a zero byte. */
export function encode(kind: string, ...parts: (Uint8Array | string)[]): Uint8Array {
  const bytes = parts.map((part) => typeof part === "string" ? encoder.encode(`${part}\0`) : part);
  return concat(encoder.encode(kind), ...bytes);
}

/** The bytes of a whole number, the greatest first. */
export function int(size: number, value: number | bigint): Uint8Array {
  let rest = BigInt(value);
  const bytes = new Uint8Array(size);
  for (let at = size - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

/** One message of its parts. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An insert, null for NULL and undefined for what is not sent. */
export function encodeInsert(relation: number, values: readonly (string | null | undefined)[]): Uint8Array {
  const columns = values.map((value) => {
    if (value === undefined) return encoder.encode("u");
    if (value === null) return encoder.encode("n");
    const text = encoder.encode(value);
    return concat(encoder.encode("t"), int(4, text.length), text);
  });
  return encode("I", int(4, relation), encoder.encode("N"), int(2, values.length), ...columns);
}
