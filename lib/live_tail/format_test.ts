import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatAge,
  formatCount,
  formatLocal,
  formatSize,
  formatSpan,
  formatTime,
  formatUtc,
  plural,
  visibleText,
} from "./format.ts";

/** The ISO time of a local one, so that the tests hold in every time zone. */
const local = (...parts: [number, number, number, number, number, number, number]) =>
  new Date(...parts).toISOString();

Deno.test("formatTime() gives local time with milliseconds, and leaves nonsense alone", () => {
  assert.equal(formatTime(local(2026, 0, 31, 9, 4, 7, 5)), "09:04:07.005");
  assert.equal(formatTime("yesterday"), "yesterday");
});

Deno.test("formatTime() and formatUtc() go without milliseconds where they are not wanted", () => {
  assert.equal(formatTime(local(2026, 0, 31, 9, 4, 7, 5), false), "09:04:07");
  assert.equal(formatUtc("2026-01-31T09:04:07.005+01:00"), "08:04:07.005Z");
  assert.equal(formatUtc("2026-01-31T09:04:07.005Z", false), "09:04:07Z");
  assert.equal(formatUtc("yesterday"), "yesterday");
});

Deno.test("formatAge() counts whole seconds, minutes, hours and days", () => {
  const now = Date.UTC(2026, 0, 31);
  const age = (seconds: number) => formatAge(new Date(now - seconds * 1000).toISOString(), now);
  assert.deepEqual([0, 0.9, 1, 59.9, 60, 3599, 3600, 172_799, 172_800].map(age), [
    "now",
    "now",
    "1 s ago",
    "59 s ago",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "47 h ago",
    "2 d ago",
  ]);
  assert.deepEqual([-0.5, -1, -5].map(age), ["now", "now", "in 4 s"]);
  assert.equal(formatAge("yesterday", now), "yesterday");
});

Deno.test("formatLocal() carries the offset from UTC", () => {
  assert.match(
    formatLocal(local(2026, 0, 31, 9, 4, 7, 5)),
    /^2026-01-31 09:04:07\.005 [+-]\d\d:\d\d$/,
  );
});

Deno.test("formatSpan() names the dates only where they differ", () => {
  const [from, to] = [local(2026, 0, 31, 9, 0, 0, 0), local(2026, 0, 31, 9, 0, 1, 0)];
  assert.equal(formatSpan(from, to), "09:00:00.000 to 09:00:01.000");
  assert.match(formatSpan(from, local(2026, 1, 1, 9, 0, 0, 0)), /^2026-01-31 .* to 2026-02-01 /);
});

Deno.test("plural() and formatCount() separate thousands", () => {
  assert.equal(formatCount(1234567), "1,234,567");
  assert.equal(plural(1, "log"), "1 log");
  assert.equal(plural(1234, "log"), "1,234 logs");
});

Deno.test("visibleText() shows control and direction characters instead of obeying them", () => {
  assert.equal(visibleText("a\u0000b\u001b[2Jc\u007f"), "a␀b␛[2Jc␡");
  assert.equal(visibleText("user\u202egnp.exe"), "user<U+202E>gnp.exe");
  assert.equal(visibleText("tab\tand\nline"), "tab\tand\nline");
});

Deno.test("visibleText() leaves no control character, whatever comes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(
      visibleText(text),
      // deno-lint-ignore no-control-regex -- the characters that must be gone
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/,
    );
  }));
});

Deno.test("formatSize() has a unit and at most one digit behind the point", () => {
  assert.deepEqual([0, 999, 1000, 12_350, 3_100_000, 1_200_000_000, 5e12].map(formatSize), [
    ...["0 B", "999 B", "1.0 kB", "12.3 kB", "3.1 MB", "1.2 GB", "5000.0 GB"],
  ]);
});
