import assert from "node:assert/strict";
import fc from "fast-check";
import { concat, encode, encodeInsert, int } from "./_testing.ts";
import { decodePgOutput, Insert, PgOutputError } from "./pgoutput.ts";

const uint32 = fc.nat(0xffffffff);
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const word = fc.string({ unit: "binary", maxLength: 63 }).map((text) => text.replaceAll("\0", ""));
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "\ufeff", "\ufeffinfo", "x".repeat(24), "x".repeat(25), "é".repeat(12), "\0"),
);
const value = fc.option(fc.option(text, { nil: null }), { nil: undefined });
const values = fc.array(value, { maxLength: 20 });

/** The message as a part of a larger chunk, as it comes. */
function within(message: Uint8Array): Uint8Array {
  return concat(int(3, 0x494949), message, int(2, 0)).subarray(3, 3 + message.length);
}

const message = fc.oneof(
  fc.tuple(uint64, uint64, uint32).map(([lsn, at, xid]) => encode("B", int(8, lsn), int(8, at), int(4, xid))),
  fc.tuple(uint64, uint64, uint64).map(([lsn, end, at]) =>
    encode("C", int(1, 0), int(8, lsn), int(8, end), int(8, at))
  ),
  fc.tuple(uint32, word, word, fc.array(word)).map(([id, schema, name, columns]) =>
    encode(
      "R",
      ...[int(4, id), schema, name, int(1, 0x64), int(2, columns.length)],
      ...columns.flatMap((column) => [int(1, 1), column, int(4, 25), int(4, -1)]),
    )
  ),
  fc.tuple(uint32, values).map(([relation, values]) => encodeInsert(relation, values)),
);

Deno.test("decodePgOutput() reads the beginning and the end of a transaction", () => {
  fc.assert(fc.property(uint64, uint32, (finalLsn, xid) => {
    const bytes = encode("B", int(8, finalLsn), int(8, 7), int(4, xid));
    assert.deepEqual(decodePgOutput(within(bytes)), { kind: "begin", finalLsn, xid });
  }));
  fc.assert(fc.property(uint64, uint64, (lsn, endLsn) => {
    const bytes = encode("C", int(1, 0), int(8, lsn), int(8, endLsn), int(8, 7));
    assert.deepEqual(decodePgOutput(within(bytes)), { kind: "commit", lsn, endLsn });
  }));
});

Deno.test("decodePgOutput() reads a table", () => {
  fc.assert(fc.property(uint32, word, word, fc.array(word), (id, schema, name, columns) => {
    const bytes = encode(
      "R",
      ...[int(4, id), schema, name, int(1, 0x64), int(2, columns.length)],
      ...columns.flatMap((column) => [int(1, 1), column, int(4, 25), int(4, -1)]),
    );
    assert.deepEqual(decodePgOutput(within(bytes)), { kind: "relation", id, schema, name, columns });
  }));
});

Deno.test("decodePgOutput() reads the columns of an insert in whatever order they are asked for", () => {
  fc.assert(
    fc.property(uint32, values, fc.array(fc.nat(19)), (relation, values, order) => {
      const insert = decodePgOutput(within(encodeInsert(relation, values)));
      assert.ok(insert instanceof Insert);
      assert.equal(insert.relation, relation);
      assert.equal(insert.length, values.length);
      for (const index of order) {
        if (index < values.length) assert.equal(insert.value(index), values[index]);
        else assert.throws(() => insert.value(index), RangeError);
      }
      assert.deepEqual(values.map((_, index) => insert.value(index)), values);
    }),
  );
});

Deno.test("Insert.value() makes the best of a text that is not UTF-8", () => {
  const bytes = encodeInsert(1, ["aé"]);
  bytes[bytes.length - 1] = 0xff;
  assert.equal(new Insert(bytes).value(0), "a\ufffd\ufffd");
});

Deno.test("decodePgOutput() gives null for kinds that are of no interest", () => {
  for (const kind of "UDTYOMSEcAbPKrp") assert.equal(decodePgOutput(encode(kind, int(9, 1))), null);
});

Deno.test("decodePgOutput() refuses a message that is too short or too long, wherever it is cut", () => {
  assert.throws(() => decodePgOutput(new Uint8Array()), PgOutputError);
  fc.assert(fc.property(message, fc.nat(), (bytes, cut) => {
    assert.throws(() => decodePgOutput(bytes.subarray(0, cut % bytes.length)), PgOutputError);
    assert.throws(() => decodePgOutput(concat(bytes, int(1, 0))), PgOutputError);
  }));
});

Deno.test("decodePgOutput() reads or refuses any bytes, and does nothing else", () => {
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(0, 255, ..."IBCRNntu".split("").map((c) => c.charCodeAt(0))),
  );
  const changed = fc.tuple(message, fc.nat(), byte).map(([bytes, at, byte]) => {
    const copy = bytes.slice();
    copy[at % copy.length] = byte;
    return copy;
  });
  const bytes = fc.oneof(changed, fc.array(byte).map((bytes) => encode("I", Uint8Array.from(bytes))));
  fc.assert(fc.property(bytes, (bytes) => {
    try {
      const decoded = decodePgOutput(bytes);
      if (decoded?.kind === "insert") { for (let at = 0; at < decoded.length; at++) decoded.value(at); }
    } catch (error) {
      assert.ok(error instanceof PgOutputError);
    }
  }));
});
