/**
 * Finds the benchmark's logs in the bytes of an HTTP response: the status line, the framing of RFC 9112 section 7.1
 * (chunked) and nothing else. No JSON, no strings: a viewer must cost next to nothing. Pure.
 */

/**
 * `~bench:00000123:1790000000123456;` and what makes a log as long as those of a usual service: the number of the log, and the
 * microsecond when it was sent to PostgreSQL. Nothing else in a stream has the first character.
 */
export function encodeMark(sequence: number, micros: number): string {
  return `~bench:${String(sequence).padStart(8, "0")}:${
    String(Math.floor(micros)).padStart(16, "0")
  };${REST}`;
}

const REST =
  " GET /v1/products/LIN-0042 200 12ms user=48211 city=Zürich agent=ShopApp/7.3 cache=miss replica=3 region=eu-1";
const encoder = new TextEncoder();
const MARK = encoder.encode("~bench:");
const [MARK_BYTE = 0] = MARK;
const REST_LENGTH = encoder.encode(REST).length;
/** The number, and what follows it. */
const NUMBER = { at: MARK.length, length: 8 };
const MICROS = { at: NUMBER.at + NUMBER.length + 1, length: 16 };
/** Up to the semicolon. */
const HEAD_LENGTH = MICROS.at + MICROS.length + 1;
const MOST_HEAD = 16_384;

/** What is found on the way. */
export interface ScanEvents {
  /** The stream is live: from here on nothing may be missing. */
  ready(): void;
  /** `micros` reads the time from the bytes, which is for now or never. */
  log(sequence: number, micros: () => number): void;
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
    let from = 0;
    const micros = () => digits(bytes, from + MICROS.at, MICROS.length);
    while ((from = bytes.indexOf(MARK_BYTE, from)) !== -1) {
      const length = matching(bytes, from);
      if (length === MARK.length) {
        if (from + HEAD_LENGTH > bytes.length) return bytes.slice(from);
        this.events.log(digits(bytes, from + NUMBER.at, NUMBER.length), micros);
        from += HEAD_LENGTH + REST_LENGTH;
      } else if (from + length === bytes.length) {
        return bytes.slice(from);
      } else {
        from++;
      }
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
