// Two walls keep organizations apart: each alone holds. A short run; `deno task test:isolation` is the long one.

import assert from "node:assert/strict";
import { scan } from "./isolation/scan.ts";
import { testServer } from "./postgres.ts";

const postgres = await testServer();

for (
  const [walls, name] of [
    ["both", "the server's checks and row-level security"],
    ["server", "the server's checks alone"],
    ["database", "row-level security alone, with every check of a route forgotten,"],
  ] as const
) {
  Deno.test(`${name} show no organization a log of another`, async () => {
    const { foreign, examples, problems } = await scan(postgres, { walls, seconds: 3, seed: 4 });
    assert.deepEqual({ foreign, examples, problems }, { foreign: 0, examples: [], problems: [] });
  });
}

Deno.test("the scan finds foreign logs on every way where neither wall stands", async () => {
  const until = ["stream", "history", "values", "log", "views", "written"] as const;
  const { seen, problems } = await scan(postgres, { walls: "none", seconds: 30, seed: 4, until });
  for (const way of until) assert.ok(seen[way].foreign > 0, `${way} ${JSON.stringify(seen)}`);
  assert.deepEqual(problems, []);
});
