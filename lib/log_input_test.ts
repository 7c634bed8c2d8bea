import assert from "node:assert/strict";
import fc from "fast-check";
import { DEFAULT_LIMITS } from "./limits/settings.ts";
import { InputError, type InputProblem, LOG_BOUNDS, parseLogs } from "./log_input.ts";

function problemsOf(entries: readonly unknown[]): readonly InputProblem[] {
  try {
    parseLogs(entries);
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return assert.fail("it was taken");
}

const first = (entry: Record<string, unknown>) => parseLogs([{ message: "m", ...entry }])[0];

Deno.test("parseLogs() needs a message and makes up the rest", () => {
  assert.deepEqual(parseLogs([{ message: "Hello" }]), [
    { message: "Hello", level: "info", service: "default" },
  ]);
  assert.deepEqual(parseLogs([]), []);
});

Deno.test("parseLogs() maps levels of other names", () => {
  assert.equal(first({ level: "WARNING" })?.level, "warn");
  assert.equal(first({ level: " critical " })?.level, "fatal");
});

Deno.test("parseLogs() takes times as ISO 8601 in any zone, or milliseconds", () => {
  const taken: [sent: unknown, stored: string][] = [
    ["2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31T12:00:00.123456+02:00", "2026-01-31T12:00:00.123456+02:00"],
    ["2026-01-31T12:00:00", "2026-01-31T12:00:00Z"],
    [1769860800123, "2026-01-31T12:00:00.123Z"],
    [0, "1970-01-01T00:00:00.000Z"],
    [-1.5, "1969-12-31T23:59:59.999Z"],
  ];
  for (const [sent, stored] of taken) assert.equal(first({ timestamp: sent })?.timestamp, stored);
  assert.equal(first({})?.timestamp, undefined);
});

Deno.test("parseLogs() refuses what is no time, and times that PostgreSQL could not store", () => {
  const bad = [
    "",
    "now",
    "infinity",
    "2026-01-31",
    "2026-02-30T12:00:00Z",
    "2026-01-31 12:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+10:00",
    "9999-12-31T23:59:59-10:00",
    `2026-01-31T12:00:00.${"0".repeat(200)}Z`,
    1e300,
    NaN,
    Infinity,
    null,
    true,
    {},
  ];
  for (const timestamp of bad) {
    assert.deepEqual(problemsOf([{ message: "m", timestamp }]).map(({ path }) => path), ["timestamp"]);
  }
});

Deno.test("parseLogs() lists every entry at fault, with its place and its field, and takes none", () => {
  const problems = problemsOf([
    { message: "fine" },
    { message: "", level: "loud", service: 1, metadata: [] },
    "text",
    { message: "m", colour: 1, size: 2 },
    null,
    {},
  ]);
  assert.deepEqual(problems, [
    { index: 1, path: "message", message: "Must not be empty" },
    { index: 1, path: "level", message: "Expected one of trace, debug, info, warn, error, fatal" },
    { index: 1, path: "service", message: "Expected a string" },
    { index: 1, path: "metadata", message: "Expected an object" },
    { index: 2, path: "", message: "Expected an object" },
    { index: 3, path: "colour", message: "Unknown field" },
    { index: 3, path: "size", message: "Unknown field" },
    { index: 4, path: "", message: "Expected an object" },
    { index: 5, path: "message", message: "Required" },
  ]);
});

Deno.test("parseLogs() lists a thousand problems at most, and says how many there are", () => {
  const entries = Array.from({ length: 3000 }, () => ({}));
  assert.throws(
    () => parseLogs(entries),
    (error) =>
      error instanceof InputError && error.problems.length === 1000 &&
      error.message === "Nothing was stored: 3000 problems in 3000 logs, the first 1000 are listed",
  );
});

Deno.test("parseLogs() bounds messages and services in bytes of UTF-8", () => {
  const most = DEFAULT_LIMITS.maxMessageBytes;
  const lengths: [message: string, taken: boolean][] = [
    ["a".repeat(most), true],
    ["a".repeat(most + 1), false],
    ["é".repeat(most / 2), true],
    ["é".repeat(most / 2) + "a", false],
    // One byte that is stored as three.
    ["\0".repeat(Math.floor(most / 3)), true],
    ["\0".repeat(Math.ceil(most / 3) + 1), false],
  ];
  for (const [message, taken] of lengths) {
    if (taken) assert.equal(parseLogs([{ message }]).length, 1);
    else {
      assert.throws(
        () => parseLogs([{ message }]),
        (error) =>
          error instanceof InputError && error.tooLarge && error.problems[0]?.message === "Longer than 1 MiB",
      );
    }
  }
  assert.equal(first({ service: "s".repeat(LOG_BOUNDS.service) })?.service.length, LOG_BOUNDS.service);
  const long = [{ message: "m", service: "s".repeat(LOG_BOUNDS.service + 1) }];
  assert.deepEqual(problemsOf(long), [{ index: 0, path: "service", message: "Longer than 64 KiB" }]);
});

Deno.test("parseLogs() calls it too large only where nothing else is wrong", () => {
  const tooLong = { message: "a".repeat(DEFAULT_LIMITS.maxMessageBytes + 1) };
  assert.throws(() => parseLogs([tooLong, {}]), (error) => error instanceof InputError && !error.tooLarge);
});

Deno.test("parseLogs() bounds the depth of metadata, however wide it is", () => {
  const nested = (depth: number): unknown => depth === 0 ? 1 : { a: nested(depth - 1) };
  const lists = (depth: number): unknown => depth === 0 ? 1 : [lists(depth - 1)];
  assert.deepEqual(first({ metadata: nested(100) })?.metadata, nested(100));
  assert.deepEqual(problemsOf([{ message: "m", metadata: nested(101) }]).map(({ path }) => path), [
    "metadata",
  ]);
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.equal(problemsOf([{ message: "m", metadata: { deep } }]).length, 1);
  assert.equal(problemsOf([{ message: "m", metadata: { a: lists(100) } }]).length, 1);
});

Deno.test("parseLogs() makes texts storable: no NUL, no lone surrogate, in messages, services and metadata", () => {
  const [log] = parseLogs([{
    message: "a\0b\ud800c\u{1f600}",
    service: "\udfff",
    metadata: { "k\0": ["v\0", { "\ud800": "\\u0000" }], n: 1, b: true, z: null },
  }]);
  assert.deepEqual(log, {
    message: "a\u2400b\ufffdc\u{1f600}",
    level: "info",
    service: "\ufffd",
    metadata: { "k\u2400": ["v\u2400", { "\ufffd": "\\u0000" }], n: 1, b: true, z: null },
  });
});

Deno.test("parseLogs() leaves metadata as it is where it can be stored", () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (metadata) => {
    const plain = JSON.parse(JSON.stringify(metadata).replaceAll("__proto__", "proto"));
    assert.deepEqual(first({ metadata: plain })?.metadata, plain);
  }));
});

Deno.test("parseLogs() gives texts of which neither a NUL nor a lone surrogate is left", () => {
  const hostile = fc.string({
    unit: fc.constantFrom("\0", "\ud800", "\udfff", "a", "\\", '"', "\u2028"),
    minLength: 1,
  });
  fc.assert(fc.property(hostile, hostile, (message, key) => {
    const text = JSON.stringify(parseLogs([{ message, service: message, metadata: { [key]: [message] } }]));
    assert.ok(!/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/iu.test(text), text);
  }));
});
