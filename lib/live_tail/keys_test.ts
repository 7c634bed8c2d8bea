import assert from "node:assert/strict";
import { commandOf, SHORTCUTS } from "./keys.ts";

const press = (key: string, held: Partial<Record<"ctrlKey" | "metaKey" | "altKey", true>> = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...held,
});

Deno.test("commandOf() leaves keys to fields, buttons and the browser", () => {
  assert.equal(commandOf(press(" "), "page"), "pause");
  assert.equal(commandOf(press(" "), "control"), null);
  assert.equal(commandOf(press("j"), "control"), "next");
  assert.equal(commandOf(press("j"), "field"), null);
  assert.equal(commandOf(press("Escape"), "field"), "close");
  assert.equal(commandOf(press("w", { ctrlKey: true }), "page"), null);
  assert.equal(commandOf(press("constructor"), "page"), null);
});

Deno.test("SHORTCUTS lists keys that do something", () => {
  const names: Record<string, string> = { Space: " ", Esc: "Escape", "↓": "ArrowDown", "↑": "ArrowUp" };
  for (const { keys } of SHORTCUTS) {
    for (const key of keys) assert.notEqual(commandOf(press(names[key] ?? key), "page"), null, key);
  }
});
