import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeMark, Scanner } from "./scan.ts";

const encoder = new TextEncoder();
const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Cuts a text into pieces; sizes repeat. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function chunk(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...encoder.encode(`${bytes.length.toString(16)}\r\n`), ...bytes, 13, 10]);
}

function scan(pieces: readonly Uint8Array[]) {
  const found: (readonly [number, number])[] = [];
  let ready = 0;
  const scanner = new Scanner({
    ready: () => ready++,
    log: (sequence, micros) => found.push([sequence, micros()]),
  });
  for (const piece of pieces) scanner.push(piece);
  return { found, ready, ended: scanner.ended };
}

const sizes = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 8 });
const noise = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom("~", "~be", "~bench", "~~bench", "\n\ndata: {}", "æ急"),
);
const logs = fc.array(fc.tuple(fc.nat(99_999_999), fc.integer({ min: 0, max: 9e15 }), noise), {
  maxLength: 12,
});

Deno.test("Scanner finds every mark, however the bytes are cut into chunks and reads", () => {
  fc.assert(fc.property(logs, sizes, sizes, (logs, chunks, reads) => {
    const body = "retry: 2000\n: connected\n\nevent: ready\ndata: {}\n\n" +
      logs.map(([sequence, micros, noise]) =>
        `${noise.replaceAll("~bench:", "")}${encodeMark(sequence, micros)}`
      ).join("");
    const framed = [...cut(encoder.encode(body), chunks).map(chunk), encoder.encode("0\r\n\r\n")];
    const bytes = Uint8Array.from([...encoder.encode(HEAD), ...framed.flatMap((part) => [...part])]);
    const { found, ready, ended } = scan(cut(bytes, reads));
    assert.equal(ready, 1);
    assert.ok(ended);
    assert.deepEqual(found, logs.map(([sequence, micros]) => [sequence, micros]));
  }));
});

Deno.test("Scanner reads a response that is not chunked", () => {
  const text = `HTTP/1.1 200 OK\r\n\r\nevent: ready\n\n${encodeMark(7, 42)}`;
  assert.deepEqual(scan(cut(encoder.encode(text), [5])), { found: [[7, 42]], ready: 1, ended: false });
});

Deno.test("Scanner refuses what is no stream", () => {
  assert.throws(() => scan([encoder.encode("HTTP/1.1 503 Service Unavailable\r\n\r\n")]), /503/u);
  assert.throws(() => scan([encoder.encode(`${HEAD}zz\r\n`)]), /not a number/u);
  assert.throws(() => scan([encoder.encode("x".repeat(20_000))]), /does not end/u);
  assert.throws(() => scan([encoder.encode(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(20_000)}`)]), /ready/u);
});
