/**
 * Finds the benchmark's logs in the bytes of an HTTP response: the status line, the framing of RFC 9112 section 7.1
 * (chunked) and nothing else. No JSON, no strings: a viewer must cost next to nothing. Pure.
 */

/** `bench:00000123:1790000000123456;`: the number of the log, and the microsecond when it was sent to PostgreSQL. */
export function encodeMark(sequence: number, micros: number): string {
  return `bench:${String(sequence).padStart(8, "0")}:${String(Math.floor(micros)).padStart(16, "0")};`;
}

const MARK = new TextEncoder().encode("bench:");
const MARK_LENGTH = encodeMark(0, 0).length;
const MOST_HEAD = 16_384;

/** What is found on the way. */
export interface ScanEvents {
  /** The stream is live: from here on nothing may be missing. */
  ready(): void;
  log(sequence: number, micros: number): void;
}

/** Reads one response, in pieces of any size. */
export class Scanner {
  #state: "head" | "size" | "data" | "break" | "plain" | "end" = "head";
  /** The head, then what came before the ready event, as Latin-1. */
  #text = "";
  #ready = false;
  #chunk = 0;
  /** The beginning of a mark that the next piece may complete. */
  #carry = new Uint8Array(0);

  /** `ready` is what the stream says once it is live. */
  constructor(readonly events: ScanEvents, readonly ready = "event: ready") {}

  /** Whether the response has ended in good order. */
  get ended(): boolean {
    return this.#state === "end";
  }

  /** @throws {Error} when this is not a response with status 200 */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      switch (this.#state) {
        case "head":
          at = this.#readHead(bytes, at);
          break;
        case "size":
          at = this.#readSize(bytes, at);
          break;
        case "data": {
          const end = Math.min(bytes.length, at + this.#chunk);
          this.#chunk -= end - at;
          this.#body(bytes.subarray(at, end));
          if (this.#chunk === 0) this.#state = "break";
          at = end;
          break;
        }
        case "break":
          if (bytes[at++] === 10) this.#state = "size";
          break;
        case "plain":
          this.#body(bytes.subarray(at));
          return;
        case "end":
          return;
      }
    }
  }

  #readHead(bytes: Uint8Array, start: number): number {
    for (let at = start; at < bytes.length; at++) {
      this.#text += String.fromCharCode(bytes[at] ?? 0);
      if (this.#text.length > MOST_HEAD) throw new Error("Cannot watch: the response's head does not end");
      if (!this.#text.endsWith("\r\n\r\n")) continue;
      const [status = ""] = this.#text.split("\r\n");
      if (!/^HTTP\/1\.1 200\b/u.test(status)) throw new Error(`Cannot watch: the answer is ${status}`);
      this.#state = /\r\ntransfer-encoding: *chunked\r\n/iu.test(this.#text) ? "size" : "plain";
      this.#text = "";
      return at + 1;
    }
    return bytes.length;
  }

  #readSize(bytes: Uint8Array, start: number): number {
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === 10) {
        this.#state = this.#chunk === 0 ? "end" : "data";
        return at + 1;
      }
      if (byte === 13) continue;
      const digit = parseInt(String.fromCharCode(byte), 16);
      if (Number.isNaN(digit)) throw new Error("Cannot watch: a chunk's size is not a number");
      this.#chunk = this.#chunk * 16 + digit;
    }
    return bytes.length;
  }

  #body(bytes: Uint8Array): void {
    if (!this.#ready) {
      for (const byte of bytes) this.#text += String.fromCharCode(byte);
      if (this.#text.length > MOST_HEAD) throw new Error("Cannot watch: the stream does not get ready");
      if (!this.#text.includes(this.ready)) return;
      this.#ready = true;
      this.events.ready();
      // A log may share the write with the ready event.
      bytes = new TextEncoder().encode(this.#text);
      this.#text = "";
    }
    if (this.#carry.length > 0) bytes = concat(this.#carry, bytes);
    this.#carry = this.#find(bytes);
  }

  /** Tells of the marks; gives back the bytes at the end that may begin another. */
  #find(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    let at = bytes.indexOf(98);
    while (at !== -1) {
      const length = matching(bytes, at);
      if (length === MARK.length) {
        if (at + MARK_LENGTH > bytes.length) return bytes.slice(at);
        this.events.log(digits(bytes, at + 6, 8), digits(bytes, at + 15, 16));
        at += MARK_LENGTH - 1;
      } else if (at + length === bytes.length) {
        return bytes.slice(at);
      }
      at = bytes.indexOf(98, at + 1);
    }
    return new Uint8Array(0);
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** How many bytes from `at` on are those of the mark's beginning. */
function matching(bytes: Uint8Array, at: number): number {
  let length = 0;
  while (length < MARK.length && bytes[at + length] === MARK[length]) length++;
  return length;
}

function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++) value = value * 10 + (bytes[index] ?? 48) - 48;
  return value;
}
