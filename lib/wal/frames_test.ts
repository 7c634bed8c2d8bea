import assert from "node:assert/strict";
import fc from "fast-check";
import { concat, encode, int } from "./_testing.ts";
import { errorOf, FrameError, Frames, queryMessage, statusUpdate } from "./frames.ts";

const frame = (kind: string, body: Uint8Array) => encode(kind, int(4, body.length + 4), body);

Deno.test("Frames gives the messages, however they are cut into chunks", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 20 });
  fc.assert(
    fc.property(bodies, fc.array(fc.nat(40), { maxLength: 30 }), fc.boolean(), (bodies, sizes, late) => {
      const sent = bodies.map((body) => frame("d", body));
      const frames = new Frames();
      const got: Uint8Array[] = [];
      const take = () => {
        for (let message; (message = frames.next()) !== null;) got.push(message);
      };
      let rest = concat(...sent);
      for (const size of [...sizes, rest.length]) {
        frames.push(rest.subarray(0, size));
        rest = rest.subarray(size);
        if (!late) take();
      }
      take();
      assert.deepEqual(got.map((message) => [...message]), sent.map((message) => [...message]));
    }),
  );
});

Deno.test("Frames puts a message of many chunks together at once", () => {
  const frames = new Frames();
  const large = new Uint8Array(2 ** 24).fill(7);
  large.set(encode("d", int(4, large.length - 1)));
  const started = performance.now();
  let message: Uint8Array | null = null;
  for (let at = 0; at < large.length; at += 1024) {
    frames.push(large.subarray(at, at + 1024));
    message = frames.next();
    assert.equal(message === null, at + 1024 < large.length);
  }
  assert.equal(message?.length, large.length);
  assert.ok(performance.now() - started < 2000);
});

Deno.test("Frames refuses lengths that cannot be", () => {
  for (const length of [0, 3, 2 ** 30, 2 ** 32 - 1]) {
    const frames = new Frames();
    frames.push(encode("d", int(4, length)));
    assert.throws(() => frames.next(), FrameError);
  }
});

Deno.test("errorOf() reads an ErrorResponse", () => {
  const error = errorOf(frame("E", encode("", "SFATAL", "C57P01", "Mterminating", int(1, 0))));
  assert.equal(error.message, "terminating");
  assert.equal(Reflect.get(error, "code"), "57P01");
  assert.equal(errorOf(frame("E", new Uint8Array())).message, "Unknown error");
});

Deno.test("queryMessage() and statusUpdate() are of the shape that the manual gives", () => {
  assert.deepEqual(queryMessage("é"), encode("Q", int(4, 7), "é"));
  assert.deepEqual(
    statusUpdate(0x16b374d848n, Date.UTC(2000, 0, 1, 0, 0, 1), true),
    encode(
      "d",
      ...[int(4, 38), encode("r"), int(8, 0x16b374d848n), int(8, 0x16b374d848n), int(8, 0x16b374d848n)],
      ...[int(8, 1_000_000), int(1, 1)],
    ),
  );
});
