import assert from "node:assert/strict";
import { tabOf } from "./use_tab_title.ts";

Deno.test("tabOf() counts what waits, and shows errors by the icon too", () => {
  const of = (logs: number, errors: number, isPaused = true) =>
    Object.values(tabOf("Live", { logs, errors }, isPaused));
  assert.deepEqual(of(0, 0, false), ["Live", "/favicon.svg"]);
  assert.deepEqual(of(0, 0), ["Paused · Live", "/favicon.svg"]);
  assert.deepEqual(of(1342, 0), ["(1,342) Live", "/favicon-new.svg"]);
  assert.deepEqual(of(1342, 1, false), ["(1,342, 1 error) Live", "/favicon-errors.svg"]);
});
