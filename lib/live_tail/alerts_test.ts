import assert from "node:assert/strict";
import type { Level } from "../log.ts";
import { type Alert, CALM, createAlerts, readChoice } from "./alerts.ts";

function startAlerts({ isLookedAt = false } = {}) {
  const told: Alert[] = [];
  const world = {
    now: 100_000,
    isLookedAt,
    planned: null as (() => void) | null,
    kept: new Map<string, string>(),
  };
  const memory = (name: string) => ({
    read: () => world.kept.get(name) ?? null,
    write: (text: string) => void world.kept.set(name, text),
  });
  const alerts = createAlerts();
  const stop = alerts.start({
    isLookedAt: () => world.isLookedAt,
    now: () => world.now,
    schedule(run) {
      world.planned = run;
      return () => world.planned = null;
    },
    tell: (alert) => told.push(alert),
    choices: memory("choices"),
    tab: memory("tab"),
  });
  let id = 0;
  const hear = (level: Level, at = world.now) =>
    alerts.heard({ id: ++id, timestamp: new Date(at).toISOString(), level, service: "api", message: "m" });
  return { alerts, told, world, hear, stop };
}

Deno.test("createAlerts() tells the first log at once, and then sums up", () => {
  const { alerts, told, world, hear } = startAlerts();
  hear("error");
  assert.equal(told.length, 0, "it is off");
  alerts.isOn.value = true;
  alerts.choice.value = { ...alerts.choice.value, errorsOnly: false };
  hear("info");
  assert.deepEqual(told.map(({ logs, errors }) => [logs, errors]), [[1, 0]]);
  hear("error");
  hear("info");
  assert.equal(told.length, 1);
  world.now += CALM;
  world.planned?.();
  assert.deepEqual([told[1]?.logs, told[1]?.errors, told[1]?.log.id], [2, 1, 4]);
  world.now += CALM;
  hear("warn");
  assert.equal(told[2]?.logs, 1);
});

Deno.test("createAlerts() is silent while the page is looked at, of lesser levels, and of what was there before", () => {
  const { alerts, told, world, hear } = startAlerts({ isLookedAt: true });
  alerts.isOn.value = true;
  hear("error");
  world.isLookedAt = false;
  hear("warn");
  alerts.begin(world.now);
  hear("error", world.now - 1);
  assert.equal(told.length, 0);
  hear("fatal");
  assert.equal(told.length, 1);
  // What comes late was written late, or by a wrong clock.
  world.now += 20_000;
  hear("error", world.now - 60_000);
  assert.equal(told.length, 2);
  hear("error");
  world.isLookedAt = true;
  world.planned?.();
  assert.equal(told.length, 2);
});

Deno.test("createAlerts() keeps what was chosen: that it is on for this tab, the rest for all", () => {
  const { alerts, world, stop } = startAlerts();
  alerts.isOn.value = true;
  alerts.choice.value = { errorsOnly: false, notification: false, sound: true };
  stop();
  assert.equal(world.kept.get("tab"), "on");
  assert.deepEqual(readChoice(world.kept.get("choices") ?? null), alerts.choice.value);
  for (const bad of [null, "", "null", "[]", '{"sound":1}', "x"]) {
    assert.deepEqual(readChoice(bad), { errorsOnly: true, notification: true, sound: false });
  }
});
