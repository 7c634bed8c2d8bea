import assert from "node:assert/strict";
import type { Log } from "../log.ts";
import type { Notification } from "../notification.ts";
import { MOST_WAITING } from "./bounds.ts";
import { Waiting } from "./waiting.ts";

const log = (id: number, message: string): Log => ({
  id,
  timestamp: "2026-01-31T00:00:00.000Z",
  level: "info",
  service: "api",
  message,
});
const decoded = (id: number, message: string, metadata = "null"): Notification => {
  const whole = log(id, message);
  return { cursor: "1:1:", logs: [{ id, decoded: { log: whole, whole, metadata } }], more: false };
};
const ids = (notifications: readonly Notification[]) =>
  notifications.flatMap(({ logs }) => logs.map(({ id }) => id));

Deno.test("Waiting gives out announcements in their order, and keeps what came meanwhile", () => {
  const waiting = new Waiting();
  assert.deepEqual(waiting.next(), []);
  for (const id of [1, 2]) assert.ok(waiting.push(decoded(id, "x")));
  assert.ok(waiting.push({ cursor: "1:1:", logs: [], more: true }));
  const taken = waiting.next();
  assert.deepEqual(ids(taken), [1, 2]);
  assert.ok(waiting.push(decoded(3, "x")));
  waiting.shift(taken);
  assert.ok(waiting.next()[0]?.more);
  waiting.shift(waiting.next());
  // It was given out before all were dropped.
  waiting.shift(taken);
  assert.deepEqual(ids(waiting.next()), [3]);
});

Deno.test("Waiting drops all of them when they are too many", () => {
  const waiting = new Waiting();
  for (let id = 1; id <= MOST_WAITING.announcements; id++) assert.ok(waiting.push(decoded(id, "x")));
  assert.ok(!waiting.push(decoded(0, "x")));
  assert.deepEqual(waiting.next(), []);
});

Deno.test("Waiting drops all of them when they are too large, by messages and metadata", () => {
  const large = "x".repeat(MOST_WAITING.characters / 4 - 4);
  for (
    const one of [decoded(1, large), decoded(1, "", large), { ...decoded(1, ""), logs: [log(1, large)] }]
  ) {
    const waiting = new Waiting();
    for (let count = 0; count < 4; count++) assert.ok(waiting.push(one));
    waiting.shift(waiting.next().slice(0, 1));
    assert.ok(waiting.push(one));
    assert.ok(!waiting.push(one));
    // They do not count any more.
    for (let count = 0; count < 4; count++) assert.ok(waiting.push(one));
  }
});
