import assert from "node:assert/strict";
import { chipOf, type Connection } from "./connection.ts";

const label = (connection: Connection, online = true, now = 0) => {
  const { label, seconds } = chipOf(connection, online, now);
  return seconds === null ? label : `${label} in ${seconds} s`;
};

Deno.test("chipOf() names every state", () => {
  assert.equal(label({ phase: "connecting" }), "Connecting");
  assert.equal(label({ phase: "live", database: "connected" }), "Live");
  assert.equal(label({ phase: "live", database: "reconnecting" }), "Database reconnecting");
  assert.equal(label({ phase: "live", database: "connected" }, false), "Offline");
  const standby = { code: "standby", message: "Connect to the primary" };
  for (const database of ["connected", "reconnecting"] as const) {
    const { tone, label, hint } = chipOf({ phase: "live", database, problem: standby }, true, 0);
    assert.deepEqual([tone, label, hint], ["warning", "Standby database", "Connect to the primary"]);
  }
  // Of a server that is newer than the page.
  const unknown = { code: "other", message: "..." };
  assert.equal(label({ phase: "live", database: "connected", problem: unknown }), "Database problem");
  const problem = { path: null, message: "No" };
  assert.equal(label({ phase: "refused", status: 401, problem }), "Signed out");
  assert.equal(label({ phase: "refused", status: 400, problem }), "Not streaming");
});

Deno.test("chipOf() counts down to the next attempt, and not where the browser keeps the time to itself", () => {
  const planned: Connection = { phase: "reconnecting", retryAt: 5000, reason: null };
  assert.equal(label(planned, true, 1), "Reconnecting in 5 s");
  assert.equal(label(planned, true, 4999), "Reconnecting in 1 s");
  assert.equal(label(planned, true, 5000), "Reconnecting");
  assert.equal(label({ ...planned, retryAt: null }), "Reconnecting");
});

Deno.test("chipOf() offers another try only where there is something to try", () => {
  const retries = (connection: Connection) => chipOf(connection, true, 0).retry;
  assert.equal(retries({ phase: "live", database: "reconnecting" }), false);
  assert.equal(retries({ phase: "reconnecting", retryAt: null, reason: null }), true);
});
