import assert from "node:assert/strict";
import { diceOf } from "./chance.ts";
import { ColdWindow } from "./cold_window.ts";

Deno.test("ColdWindow.take() gives one after the other, and begins again after the last", () => {
  const window = new ColdWindow();
  assert.deepEqual([window.take(), window.take(), window.ahead], [101, 102, [103, 104]]);
  const rest = Array.from({ length: 60 }, () => window.take());
  assert.deepEqual(rest.slice(-4), [159, 160, 101, 102]);
  assert.equal(window.taken, 62);
});

Deno.test("ColdWindow.pick() keeps to those to which viewers come, and forgets none", () => {
  const window = new ColdWindow();
  const dice = diceOf(1, "picks");
  const shares = (picks: number) => {
    const times = new Map<number, number>();
    for (let i = 0; i < picks; i++) {
      const organization = window.pick(dice);
      times.set(organization, (times.get(organization) ?? 0) + 1 / picks);
    }
    return times;
  };
  // Before anybody came.
  assert.ok([101, 102].every((organization) => (shares(5000).get(organization) ?? 0) > 0.2));
  for (let i = 0; i < 30; i++) window.take();
  const times = shares(20_000);
  assert.equal(times.size, 60);
  assert.ok([129, 130, 131, 132].every((organization) => (times.get(organization) ?? 0) > 0.1));
  assert.ok([121, 128].every((organization) => (times.get(organization) ?? 0) > 0.025));
});
