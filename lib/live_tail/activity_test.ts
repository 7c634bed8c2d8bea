import assert from "node:assert/strict";
import { createActivity } from "./activity.ts";

Deno.test("createActivity() counts by second and seriousness, the running second left out", () => {
  const activity = createActivity(3);
  const now = 10_500;
  activity.add(8_100, "info", now);
  activity.add(9_000, "warn", now);
  activity.add(9_999, "fatal", now);
  activity.add(10_400, "info", now);
  assert.deepEqual(activity.read(now), [
    { calm: 0, warnings: 0, errors: 0 },
    { calm: 1, warnings: 0, errors: 0 },
    { calm: 0, warnings: 1, errors: 1 },
  ]);
  assert.deepEqual(activity.read(11_000).at(-1), { calm: 1, warnings: 0, errors: 0 });
});

Deno.test("createActivity() leaves out what is too old and takes the future for now", () => {
  const activity = createActivity(3);
  activity.add(1_000, "info", 10_000);
  activity.add(99_000, "info", 10_000);
  activity.add(Number.NaN, "info", 10_000);
  assert.deepEqual(activity.read(11_000).map(({ calm }) => calm), [0, 0, 1]);
  assert.deepEqual(activity.read(60_000).map(({ calm }) => calm), [0, 0, 0]);
});
