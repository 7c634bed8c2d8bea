import assert from "node:assert/strict";
import { backoff, wait, within } from "./backoff.ts";

Deno.test("backoff() doubles from a quarter of a second to ten seconds, half of it random", () => {
  const most = (attempt: number) => backoff(attempt, () => 1);
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 1000, Infinity].map(most), [
    250,
    500,
    1000,
    2000,
    4000,
    8000,
    10_000,
    10_000,
    10_000,
  ]);
  assert.equal(backoff(2, () => 0), 500);
  const some = new Set(Array.from({ length: 20 }, () => backoff(3)));
  assert.ok(some.size > 1);
  for (const milliseconds of some) assert.ok(milliseconds >= 1000 && milliseconds <= 2000);
});

Deno.test("wait() ends by its time, or by its signal at once, and leaves no timer", async () => {
  await wait(1, new AbortController().signal);
  await wait(60_000, AbortSignal.abort());
  const stop = new AbortController();
  const waiting = wait(60_000, stop.signal);
  stop.abort(new Error("not for whoever waits"));
  await waiting;
});

Deno.test("within() gives the outcome of what comes in time, and leaves no timer", async () => {
  assert.equal(await within(60_000, Promise.resolve(1), "late"), 1);
  await assert.rejects(within(60_000, Promise.reject(new Error("its own")), "late"), { message: "its own" });
});

Deno.test("within() rejects what comes too late; what comes of it then is nobody's business", async () => {
  const slow = Promise.withResolvers<void>();
  await assert.rejects(within(1, slow.promise, "No answer"), { message: "No answer" });
  await assert.rejects(within(1, slow.promise, () => new RangeError("made")), RangeError);
  slow.reject(new Error("unhandled"));
});
