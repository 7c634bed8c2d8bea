/**
 * The messages of a connection that replicates, cut out of what its socket says, and those that it is told (PostgreSQL manual,
 * Message Formats and Streaming Replication Protocol). Pure.
 */

/** Something that PostgreSQL does not say. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** PostgreSQL makes no message longer than its memory chunks (MaxAllocSize), which a row is limited by as well. */
const MOST_BYTES = 0x3fffffff;

const HEADER_BYTES = 5;

/** Cuts messages out of chunks. What is given out looks into the chunk, unless the message began in an earlier one. */
export class Frames {
  /** What came and was not given out. */
  #chunks: Uint8Array[] = [];
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  /** Bytes in all of the chunks, and those without which there is no message. */
  #have = 0;
  #need = HEADER_BYTES;

  /** Takes a chunk in, which is not to change afterwards. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
  }

  /**
   * The next message, with its kind and its length before it; null until more has come.
   *
   * @throws {FrameError} when its length cannot be
   */
  next(): Uint8Array | null {
    for (;;) {
      const rest = this.#bytes.length - this.#at;
      if (rest >= this.#need) {
        const length = this.#need > HEADER_BYTES ? this.#need : this.#lengthAt(this.#at);
        this.#need = length;
        if (rest >= length) {
          const message = this.#bytes.subarray(this.#at, this.#at + length);
          this.#at += length;
          this.#need = HEADER_BYTES;
          return message;
        }
      }
      if (rest + this.#have < this.#need) return null;
      this.#join(rest);
    }
  }

  #lengthAt(at: number): number {
    const length = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(at + 1);
    if (length < 4 || length > MOST_BYTES) throw new FrameError(`A message of ${length} bytes`);
    return 1 + length;
  }

  /** All that came as one piece: each chunk is copied once, however many of them a message has. */
  #join(rest: number): void {
    const [first] = this.#chunks;
    if (first && rest === 0 && this.#chunks.length === 1) this.#bytes = first;
    else {
      const joined = new Uint8Array(rest + this.#have);
      let at = 0;
      for (const part of [this.#bytes.subarray(this.#at), ...this.#chunks]) {
        joined.set(part, at);
        at += part.length;
      }
      this.#bytes = joined;
    }
    this.#at = this.#have = 0;
    this.#chunks = [];
  }
}

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

/** An ErrorResponse as the error that postgres.js would have made of it, with its SQLSTATE as `code`. */
export function errorOf(message: Uint8Array): Error {
  const fields = new Map(
    DECODER.decode(message.subarray(HEADER_BYTES)).split("\0").map((field) => [field[0], field.slice(1)]),
  );
  const error = new Error(fields.get("M") ?? "Unknown error");
  return Object.assign(error, { name: "PostgresError", code: fields.get("C"), detail: fields.get("D") });
}

/** A Query. */
export function queryMessage(text: string): Uint8Array {
  const bytes = ENCODER.encode(`Q0000${text}\0`);
  new DataView(bytes.buffer).setUint32(1, bytes.length - 1);
  return bytes;
}

/** 2000-01-01, from which PostgreSQL counts, in milliseconds. */
const POSTGRES_EPOCH = 946_684_800_000;

/** A Standby status update: everything before `lsn` has been dealt with. `now` is in milliseconds. */
export function statusUpdate(lsn: bigint, now: number, replyRequested: boolean): Uint8Array {
  const bytes = new Uint8Array(39);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x64); // d, CopyData
  view.setUint32(1, 38);
  view.setUint8(5, 0x72); // r
  // Received, on disk and applied.
  for (const at of [6, 14, 22]) view.setBigUint64(at, lsn);
  view.setBigInt64(30, BigInt(Math.trunc(now) - POSTGRES_EPOCH) * 1000n);
  view.setUint8(38, replyRequested ? 1 : 0);
  return bytes;
}
