import assert from "node:assert/strict";
import { isCursorRefusal, isRefusal, readProblem, readRetryAfter } from "./answer.ts";

Deno.test("readProblem() takes the first detail, else the message, else nothing", () => {
  const details = [{ path: "q", message: "Not a regular expression" }];
  assert.deepEqual(readProblem(JSON.stringify({ error: { code: "x", message: "Bad filter", details } })), {
    path: "q",
    message: "Not a regular expression",
  });
  assert.deepEqual(readProblem('{"error":{"message":"Sign in first","details":[]}}'), {
    path: null,
    message: "Sign in first",
  });
  for (const body of ["", "<html>", "null", '"x"', '{"error":{}}']) assert.equal(readProblem(body), null);
});

Deno.test("readRetryAfter() takes seconds alone", () => {
  assert.equal(readRetryAfter("2"), 2000);
  for (const header of [null, "", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
    assert.equal(readRetryAfter(header), null);
  }
});

Deno.test("isRefusal() is true for what another try would not change", () => {
  const refused = (status: number) => isRefusal({ status, retryAfter: null, problem: null });
  assert.deepEqual([200, 400, 401, 404, 408, 425, 429, 500, 503].filter(refused), [400, 401, 404]);
});

Deno.test("isCursorRefusal() tells the cursor from the filter", () => {
  const refused = (path: string | null, message: string) =>
    isCursorRefusal({ status: 400, retryAfter: null, problem: { path, message } });
  assert.equal(refused("lastEventId", "Not as it should be"), true);
  assert.equal(refused(null, "Not a cursor, expected a snapshot"), true);
  assert.equal(refused("q", "Not a regular expression"), false);
});
