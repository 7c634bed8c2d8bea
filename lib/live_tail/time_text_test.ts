import assert from "node:assert/strict";
import fc from "fast-check";
import { readTime } from "./time_text.ts";

const NOW = Date.parse("2026-11-27T12:30:00Z");
const utc = (text: string) => {
  const time = readTime(text, NOW, true);
  return time === null ? null : new Date(time).toISOString();
};

Deno.test("readTime() reads times as people write them", () => {
  for (
    const [text, iso] of [
      ["now", "2026-11-27T12:30:00.000Z"],
      ["9:05", "2026-11-27T09:05:00.000Z"],
      ["14:05", "2026-11-26T14:05:00.000Z"],
      ["today 14:05", "2026-11-27T14:05:00.000Z"],
      ["Yesterday  14:05:07.5", "2026-11-26T14:05:07.500Z"],
      ["yesterday", "2026-11-26T00:00:00.000Z"],
      ["2h ago", "2026-11-27T10:30:00.000Z"],
      ["1h 30m ago", "2026-11-27T11:00:00.000Z"],
      ["90 minutes ago", "2026-11-27T11:00:00.000Z"],
      ["-3d", "2026-11-24T12:30:00.000Z"],
      ["2026-11-25", "2026-11-25T00:00:00.000Z"],
      ["2026-11-25 14:05", "2026-11-25T14:05:00.000Z"],
      ["2026-11-25T14:05:30.250Z", "2026-11-25T14:05:30.250Z"],
      ["2026-11-25 14:05+01:00", "2026-11-25T13:05:00.000Z"],
      ["1767225600", "2026-01-01T00:00:00.000Z"],
      ["1767225600000", "2026-01-01T00:00:00.000Z"],
    ] as const
  ) assert.equal(utc(text), iso, text);
});

Deno.test("readTime() refuses what is no time", () => {
  for (
    const text of [
      "",
      "soon",
      "25:00",
      "12:60",
      "2026-02-30",
      "2026-13-01 10:00",
      "2 ago",
      "x ago",
      "ago",
      "tomorrow",
    ]
  ) {
    assert.equal(utc(text), null, text);
  }
});

Deno.test("readTime() takes the reader's own zone, and any text", () => {
  const local = new Date(2026, 10, 25, 14, 5).getTime();
  assert.equal(readTime("2026-11-25 14:05", NOW), local);
  fc.assert(fc.property(fc.string(), (text) => {
    const time = readTime(text, NOW);
    assert.ok(time === null || Number.isFinite(time));
  }));
});
