import assert from "node:assert/strict";
import { NO_FILTER } from "../filter.ts";
import { Backlogs } from "./backlog.ts";
import { Fetches } from "./fetches.ts";
import { Group } from "./group.ts";
import type { Fetched } from "./ports.ts";

Deno.test("Fetches keeps what was read for a while, and nothing that was still being read when all was dropped", async () => {
  const answers: ((fetched: Fetched) => void)[] = [];
  const ask = () => new Promise<Fetched>((resolve) => answers.push(resolve));
  const answer = () => answers.pop()?.({ head: [], logs: [], cursor: "5:9:5", started: "first", gap: null });
  const backlogs = new Backlogs(1000);
  let now = 0;
  const fetches = new Fetches({
    organizationId: 1,
    store: {
      snapshot: () => Promise.resolve(""),
      read: () => Promise.resolve([]),
      catchUp: ask,
      newest: ask,
    },
    backlogs,
    now: () => now,
    hadBefore: () => [],
    comesAgain: () => ({ here: new Set(), later: new Set() }),
    isGivenUp: () => false,
    counts: { fetches: 0 },
  });
  const group = new Group(NO_FILTER);
  const fetch = () => fetches.fetch(group, { since: "1:2:", place: null }, 0).backlog;
  const first = fetch();
  fetches.drop(true);
  const second = fetch();
  assert.notEqual(second, first, "the first is of before");
  answer();
  await second;
  assert.equal(fetch(), second);
  assert.equal(backlogs.bytes, (await second).bytes);
  answer();
  await first;
  assert.equal(backlogs.bytes, (await second).bytes, "one alone is kept");
  now = 60_000;
  fetches.drop();
  assert.equal(backlogs.bytes, 0);
});
