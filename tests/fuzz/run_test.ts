// A short run. `deno task test:fuzz --requests 100000` is the long one.

import assert from "node:assert/strict";
import { startWorld } from "../attacks/world.ts";
import { testServer } from "../postgres.ts";
import { fuzz, growth } from "./run.ts";

const postgres = await testServer();

Deno.test("2,000 made-up requests give no 5xx, no hang and nobody else's logs", async () => {
  await using world = await startWorld(postgres);
  const { problems, requests, statuses } = await fuzz(world, { requests: 2000, seed: 4, concurrency: 8 });
  assert.deepEqual(problems, []);
  assert.equal(requests, 2000);
  // They get somewhere: an endless row of 401 would prove nothing.
  for (const status of [200, 201, 303, 400, 401, 403, 404, 405, 415]) {
    assert.ok(statuses.has(status), String(status));
  }
});

Deno.test("growth() sees memory that grows, and no other", () => {
  const steady = Array.from({ length: 100 }, (_, i) => 200 + i % 7);
  assert.ok(growth(steady).to - growth(steady).from < 5);
  const growing = Array.from({ length: 100 }, (_, i) => 200 + i);
  assert.ok(growth(growing).to - growth(growing).from > 40);
});
