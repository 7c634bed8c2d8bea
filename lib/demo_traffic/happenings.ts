/** What interrupts the calm: deploys, spikes, incidents. Each is a list of scenes over time. */

import type { Dice } from "./random.ts";
import { goPanic } from "./stack_traces.ts";
import type { Line, Service } from "./story.ts";
import type { Scene, World } from "./world.ts";

/** A happening of any kind, told from its first moment. */
export type Happening = (dice: Dice) => readonly Scene[];

/** Draws what comes next. */
export function drawHappening(dice: Dice): Happening {
  return dice.weighted<Happening>([[34, spike], [26, deploy], [18, paymentsTimeOut], [14, poolRunsDry], [
    8,
    gatewayPanics,
  ]]);
}

/** A few seconds of a hundred to three hundred logs a second. */
export function spike(dice: Dice): readonly Scene[] {
  const lasts = dice.int(2500, 6000);
  const times = dice.int(12, 25);
  const recipients = dice.int(20_000, 90_000).toLocaleString("en");
  return [
    scene(0, [
      line("mailer", "info", `push campaign “-20 % bis Mitternacht ⚡” sent to ${recipients} phones`),
    ]),
    { after: 1200, change: (world) => world.spike = dice.int(110, 240) },
    scene(2100, [
      line("gateway", "warn", `traffic is ${times} times the usual`, {
        requests: { perSecond: times * 9, usual: 9 },
      }),
    ]),
    scene(2900, [
      line("gateway", "info", "autoscaler: 4 -> 9 replicas", {
        replicas: { from: 4, to: 9 },
        reason: "cpu > 70 %",
      }),
    ]),
    { after: 1200 + lasts, change: (world) => world.spike = 0 },
    scene(14_000, [line("gateway", "info", "autoscaler: 9 -> 4 replicas", { replicas: { from: 9, to: 4 } })]),
  ];
}

/** A new version of one service: its two replicas stop and start one after the other. */
export function deploy(dice: Dice): readonly Scene[] {
  const service = dice.pick(["checkout", "payments", "search", "gateway", "auth"] as const);
  const version = `${dice.int(2, 5)}.${dice.int(0, 30)}.${dice.int(0, 9)}`;
  return [0, 6500].flatMap((start, replica) =>
    restart(dice, { service, version, replica: replica + 1, start })
  );
}

/** The payment provider times out for half a minute; a circuit breaker opens, tries and closes. */
export function paymentsTimeOut(dice: Dice): readonly Scene[] {
  const breaker = (state: string, failed: number) => ({
    breaker: { name: "examplepay", state, failed, of: 50 },
  });
  const failed = dice.int(29, 41);
  return [
    { after: 0, change: (world) => world.payments = "slow" },
    scene(1500, [
      line("payments", "warn", `examplepay answers slowly: p95 ${dice.int(1800, 2600)} ms, usually 600 ms`),
    ]),
    scene(7000, [
      line("gateway", "error", "SLO burn: 4.1 % of orders fail, 0.5 % allowed, budget gone in 38 min"),
    ]),
    scene(9000, [
      line(
        "payments",
        "error",
        `circuit breaker examplepay: CLOSED -> OPEN, ${failed} of 50 failed`,
        breaker("OPEN", failed),
      ),
    ], (world) => world.payments = "open"),
    scene(12_000, [line("payments", "info", "on call: Søren has acknowledged “payments: error budget”")]),
    scene(19_000, [
      line(
        "payments",
        "warn",
        "circuit breaker examplepay: OPEN -> HALF_OPEN, 5 trial charges",
        breaker("HALF_OPEN", failed),
      ),
      {
        ...line("payments", "warn", "trial charge 1/5 timed out, staying OPEN", breaker("OPEN", failed)),
        after: 2600,
      },
    ]),
    scene(29_000, [
      line("payments", "info", "trial charge 5/5 done in 410 ms", breaker("HALF_OPEN", 0)),
      {
        ...line("payments", "info", "circuit breaker examplepay: HALF_OPEN -> CLOSED", breaker("CLOSED", 0)),
        after: 40,
      },
    ], (world) => world.payments = "ok"),
    { after: 31_000, lines: replayParkedOrders },
  ];
}

/** The inventory has used up its database connections for a quarter of a minute. */
function poolRunsDry(dice: Dice): readonly Scene[] {
  const waiting = dice.int(30, 90);
  return [
    scene(0, [
      line("postgres", "warn", "long transaction: pid 4471 holds locks on “stock” for 61 s", { pid: 4471 }),
    ]),
    scene(1400, [
      line("inventory", "warn", `pool: 20 of 20 connections in use, ${waiting} waiting`, {
        pool: { size: 20, waiting },
      }),
    ], (world) => world.poolExhausted = true),
    scene(5000, [
      line(
        "postgres",
        "fatal",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
      ),
    ]),
    scene(9000, [line("worker", "info", "watchdog: ended pid 4471, idle in transaction", { pid: 4471 })]),
    scene(10_500, [
      line("inventory", "info", "pool: recovered, 3 of 20 connections in use", {
        pool: { size: 20, waiting: 0 },
      }),
    ], (
      world,
    ) => world.poolExhausted = false),
  ];
}

/** One replica of the gateway dies and is started again. */
function gatewayPanics(dice: Dice): readonly Scene[] {
  const replica = dice.int(1, 4);
  return [
    scene(0, [line("gateway", "fatal", goPanic(dice), { replica, exitCode: 2 })]),
    scene(700, [
      line(
        "nginx",
        "error",
        `upstream prematurely closed connection, upstream: http://192.0.2.${10 + replica}:8080`,
      ),
    ]),
    ...restart(dice, { service: "gateway", version: "3.8.1", replica, start: 1800 }).slice(1),
  ];
}

interface Restart {
  readonly service: Service;
  readonly version: string;
  readonly replica: number;
  readonly start: number;
}

function restart(dice: Dice, { service, version, replica, start }: Restart): Scene[] {
  const say = (level: Line["level"], message: string, after: number): Line => ({
    ...line(service, level, `[${service}-${replica}] ${message}`, { replica, version }),
    after,
  });
  const boot = Math.round(dice.logNormal(1900, 0.3));
  return [
    scene(start, [
      say("info", "SIGTERM: taking no new requests", 0),
      say("debug", `${dice.int(1, 9)} requests still running`, 30),
      say("info", "stopped", 1100),
    ]),
    scene(start + 1900, [
      say("info", `starting ${service} ${version}, 2 cores, 512 MiB`, 0),
      say("debug", "configuration: 31 settings from the environment, 4 from defaults", 60),
      say("info", "connected to postgres 18 at db.example.com:5432 (pool 20)", boot * 0.3),
      say("debug", "migrations: up to date", boot * 0.4),
      say("trace", `warming up: ${dice.int(200, 900)} keys`, boot * 0.7),
      say("info", `ready on :8080 after ${boot} ms ✅`, boot),
    ]),
  ];
}

/** The orders that waited are charged, quickly one after the other. */
function replayParkedOrders(world: World): readonly Line[] {
  const { dice } = world;
  // However long the breaker was open, the screen is not to be flooded.
  const count = Math.min(world.parkedOrders, 12);
  const lines = Array.from({ length: count }, (_, index): Line => ({
    ...line("payments", "info", `replayed A-${world.orders - count + index + 1} in ${dice.int(280, 700)} ms`),
    after: 200 + index * 160,
  }));
  world.parkedOrders = 0;
  return [line("worker", "info", `replaying ${count} parked orders`, { parked: count }), ...lines];
}

function line(
  service: Service,
  level: Line["level"],
  message: string,
  metadata: Record<string, unknown> = {},
): Line {
  return { after: 0, service, level, message, metadata: { ...metadata, region: "eu-1" } };
}

function scene(after: number, lines: readonly Line[], change?: Scene["change"]): Scene {
  return change ? { after, lines, change } : { after, lines };
}
