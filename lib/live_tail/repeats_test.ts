import assert from "node:assert/strict";
import fc from "fast-check";
import { type Entry, logEntry } from "./entries.ts";
import { entriesIn, foldRepeats, repeatsOf, unfoldedRows } from "./repeats.ts";

const timestamp = (id: number) => new Date(Date.UTC(2026, 0, 1) + id * 1000).toISOString();
const logs = (...messages: string[]): Entry[] =>
  messages.map((message, id) =>
    logEntry({ id, timestamp: timestamp(id), level: "info", service: "api", message })
  );
const none: ReadonlySet<string> = new Set();
const summary = (rows: ReturnType<typeof foldRepeats>) =>
  rows.map(({ entry, count, isFolded }) => `${entry.key}x${count}${isFolded ? " folded" : ""}`);

Deno.test("foldRepeats() makes one row of equal logs that follow each other", () => {
  const rows = foldRepeats(logs("a", "a", "b", "a", "a", "a"), none);
  assert.deepEqual(summary(rows), ["0x2 folded", "2x1", "3x3 folded"]);
  assert.equal(rows[2]?.until, timestamp(5));
});

Deno.test("foldRepeats() tells logs apart by level, service and what is not shown of them", () => {
  const log = { id: 1, timestamp: timestamp(1), level: "info", service: "api", message: "a" } as const;
  const rows = [
    log,
    { ...log, id: 2, level: "warn" as const },
    { ...log, id: 3, service: "web" },
    { ...log, id: 4, truncated: true as const },
    { ...log, id: 5, truncated: true as const },
  ].map(logEntry);
  assert.equal(foldRepeats(rows, none).length, 5);
  const gap: Entry = { kind: "note", key: "n", text: "a" };
  assert.equal(foldRepeats([logEntry(log), gap, logEntry({ ...log, id: 6 })], none).length, 3);
});

Deno.test("foldRepeats() draws all of a group that is spread, whichever of it is left", () => {
  const rows = logs("a", "a", "a", "b");
  const spread = new Set(repeatsOf(rows, "1"));
  assert.deepEqual([...spread], ["0", "1", "2"]);
  assert.deepEqual(summary(foldRepeats(rows, spread)), ["0x3", "1x1", "2x1", "3x1"]);
  assert.deepEqual(summary(foldRepeats(rows.slice(1), spread)), ["1x2", "2x1", "3x1"]);
});

Deno.test("foldRepeats() stands for every entry once, and entriesIn() counts them", () => {
  const messages = fc.array(fc.constantFrom("a", "b"), { maxLength: 30 });
  fc.assert(fc.property(messages, fc.set(fc.nat(30).map(String)), (messages, spread) => {
    const rows = logs(...messages);
    const shown = foldRepeats(rows, new Set(spread));
    assert.equal(entriesIn(shown, shown.length), rows.length);
    for (let n = 0; n < shown.length; n++) assert.equal(rows[entriesIn(shown, n)], shown[n]?.entry);
    assert.equal(entriesIn(unfoldedRows(rows), 3), Math.min(3, rows.length));
  }));
});
