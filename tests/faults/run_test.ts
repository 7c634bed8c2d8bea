/** The harness itself: it passes where nothing is wrong, and finds bugs that are planted. */

import assert from "node:assert/strict";
import { isGood } from "./report.ts";
import { runFaults } from "./run.ts";

const entry = new URL("./planted_server.ts", import.meta.url);

Deno.test("runFaults() finds nothing wrong with the program", async () => {
  const result = await runFaults({ seconds: 10, seed: 1, writers: 8 });
  assert.deepEqual(result.problems, []);
  assert.ok(isGood(result));
  assert.ok(result.rows > 500 && result.resumes > 5, `${result.rows} rows, ${result.resumes} resumes`);
  assert.ok(result.coldOrganizations > 2, `${result.coldOrganizations} cold organizations`);
});

Deno.test("runFaults() finds a listener that does not catch up when it comes back", async () => {
  const result = await runFaults({
    seconds: 12,
    seed: 1,
    writers: 12,
    faults: ["listener terminated", "PostgreSQL restarted", "resume by header"],
    entry,
    patience: 10_000,
    env: { FAULTS_PLANT: "no-catch-up" },
  });
  assert.ok(result.missing > 0);
  assert.match(result.problems.join("\n"), /filter none: \d+ missing \(ids \d+/u);
});

Deno.test("runFaults() finds a catch-up by the greatest id", async () => {
  const result = await runFaults({
    seconds: 12,
    seed: 1,
    writers: 24,
    faults: ["listener terminated", "resume by header", "resume by query", "server killed"],
    entry,
    patience: 10_000,
    env: { FAULTS_PLANT: "greatest-id" },
  });
  assert.ok(result.missing > 0);
  assert.match(result.problems.join("\n"), /\d+ missing \(ids \d+/u);
});

Deno.test("runFaults() finds a catch-up whose cursor does not outlive a crash", async () => {
  const result = await runFaults({
    seconds: 14,
    seed: 1,
    writers: 16,
    faults: ["crash while viewers are away"],
    entry,
    patience: 10_000,
    env: { FAULTS_PLANT: "raw-snapshot" },
  });
  assert.ok(result.missing > 0);
  assert.match(result.problems.join("\n"), /\d+ missing \(ids \d+/u);
});

Deno.test("runFaults() finds an organization that is not heard from the first moment on", async () => {
  const result = await runFaults({
    seconds: 12,
    seed: 1,
    writers: 16,
    faults: ["cold organization"],
    entry,
    patience: 10_000,
    env: { FAULTS_PLANT: "late-watch" },
  });
  assert.ok(result.missing > 0);
  assert.match(result.problems.join("\n"), /cold viewer \d+, .*: \d+ missing \(ids \d+/u);
});
