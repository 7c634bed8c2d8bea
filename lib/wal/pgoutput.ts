/**
 * Messages of the output plugin `pgoutput`, protocol version 1, in text format (PostgreSQL manual, Logical Replication
 * Message Formats). Pure.
 */

/** A message that pgoutput does not write. */
export class PgOutputError extends Error {
  override readonly name = "PgOutputError";
}

/** A transaction begins; its messages follow, then its {@link Commit}. Transactions never overlap. */
export interface Begin {
  readonly kind: "begin";
  /** Where its commit is written. */
  readonly finalLsn: bigint;
  /** The lower 32 bits of its id; see `widenXid()`. */
  readonly xid: number;
}

/** The transaction that began is complete. */
export interface Commit {
  readonly kind: "commit";
  readonly lsn: bigint;
  /** Just after it: what may be confirmed once the transaction is dealt with. */
  readonly endLsn: bigint;
}

/** Comes before the first row of a table, and again once the table has changed. */
export interface Relation {
  readonly kind: "relation";
  /** What {@link Insert.relation} says. */
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

/** What {@link decodePgOutput} gives; null where it is of no interest here. */
export type PgOutput = Begin | Commit | Relation | Insert | null;

/** As postgres.js reads texts: databases without an encoding (SQL_ASCII) may hold anything. */
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to so many bytes a loop is faster than a call of the decoder. */
const SHORT = 12;

/** A message's bytes, from its front to its end. */
class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the next byte is. The first one tells the kind of the message. */
  at = 1;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The place of the next `count` bytes, which are there. */
  skip(count: number): number {
    const { at } = this;
    if (count > this.bytes.length - at) throw new PgOutputError("Message ends early");
    this.at = at + count;
    return at;
  }

  uint8(): number {
    return this.view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.view.getUint16(this.skip(2));
  }

  uint32(): number {
    return this.view.getUint32(this.skip(4));
  }

  uint64(): bigint {
    return this.view.getBigUint64(this.skip(8));
  }

  /** A text that a zero byte ends. */
  string(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new PgOutputError("Text without an end");
    const text = textOf(this.bytes, this.at, end);
    this.at = end + 1;
    return text;
  }

  /** Nothing may be left. */
  end(): void {
    if (this.at !== this.bytes.length) throw new PgOutputError("Message is longer than it says");
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT) return DECODER.decode(bytes.subarray(start, end));
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte > 127) return DECODER.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

const NULL = 0x6e; // n
const UNCHANGED = 0x75; // u
const TEXT = 0x74; // t
const NEW_TUPLE = 0x4e; // N

/**
 * A new row. Its shape is checked at once, its columns are made texts only when they are asked for: most rows may be of an
 * organization that nobody watches. It looks into the message's own bytes, so it must not outlive them.
 */
export class Insert {
  readonly kind = "insert";
  /** The {@link Relation.id} of the table. */
  readonly relation: number;
  /** How many columns there are. */
  readonly length: number;
  readonly #reader: Reader;
  /** Where the first column begins. */
  readonly #start: number;
  /** The column that was asked for last: the next one is most often behind it. */
  #index = 0;
  #at: number;

  /** @throws {PgOutputError} when it is malformed */
  constructor(bytes: Uint8Array) {
    const reader = this.#reader = new Reader(bytes);
    this.relation = reader.uint32();
    if (reader.uint8() !== NEW_TUPLE) throw new PgOutputError("Insert without a row");
    this.length = reader.uint16();
    this.#start = this.#at = reader.at;
    for (let left = this.length; left > 0; left--) {
      const format = reader.uint8();
      if (format === TEXT) reader.skip(reader.uint32());
      else if (format !== NULL && format !== UNCHANGED) {
        throw new PgOutputError("Column of an unknown format");
      }
    }
    reader.end();
  }

  /**
   * The text of a column, null for NULL, undefined where the server did not send it (which it does for updates alone).
   *
   * @throws {RangeError} when there is no such column
   */
  value(index: number): string | null | undefined {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`No column ${index} of ${this.length}`);
    const { bytes, view } = this.#reader;
    if (index < this.#index) {
      this.#index = 0;
      this.#at = this.#start;
    }
    for (; this.#index < index; this.#index++) {
      this.#at += view.getUint8(this.#at) === TEXT ? 5 + view.getUint32(this.#at + 1) : 1;
    }
    const at = this.#at;
    const format = view.getUint8(at);
    if (format !== TEXT) return format === NULL ? null : undefined;
    return textOf(bytes, at + 5, at + 5 + view.getUint32(at + 1));
  }
}

/**
 * Reads one message. Updates, deletes, truncates, types, origins and whatever else there may be is null.
 *
 * @throws {PgOutputError} when it is malformed
 */
export function decodePgOutput(bytes: Uint8Array): PgOutput {
  switch (bytes[0]) {
    case 0x49: // I
      return new Insert(bytes);
    case 0x42: // B
      return begin(new Reader(bytes));
    case 0x43: // C
      return commit(new Reader(bytes));
    case 0x52: // R
      return relation(new Reader(bytes));
    case undefined:
      throw new PgOutputError("Message is empty");
    default:
      return null;
  }
}

function begin(reader: Reader): Begin {
  const finalLsn = reader.uint64();
  reader.skip(8); // When it was committed.
  const xid = reader.uint32();
  reader.end();
  return { kind: "begin", finalLsn, xid };
}

function commit(reader: Reader): Commit {
  reader.skip(1); // Flags, of which there are none.
  const lsn = reader.uint64();
  const endLsn = reader.uint64();
  reader.skip(8);
  reader.end();
  return { kind: "commit", lsn, endLsn };
}

function relation(reader: Reader): Relation {
  const id = reader.uint32();
  const schema = reader.string();
  const name = reader.string();
  reader.skip(1); // Its replica identity.
  const columns: string[] = [];
  for (let left = reader.uint16(); left > 0; left--) {
    reader.skip(1); // Whether it is part of the key.
    columns.push(reader.string());
    reader.skip(8); // Its type.
  }
  reader.end();
  return { kind: "relation", id, schema, name, columns };
}
