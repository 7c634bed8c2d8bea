/** What is measured: data. */

/** One measurement. */
export interface Scenario {
  readonly name: string;
  readonly viewers: number;
  /** Further streams that nobody reads. */
  readonly stalled: number;
  /** Logs a second, evenly spaced, a transaction each. */
  readonly rate: number;
  /** How long is measured, after `warmup` seconds that are not counted. */
  readonly seconds: number;
  readonly warmup: number;
  /** What is expected of Tailpost on a machine with two cores. Missing one is said, and is no failure. */
  readonly aims: Aims;
}

/** Times in milliseconds, CPU in percent of one core, memory in megabytes. */
export interface Aims {
  readonly p50?: number;
  readonly p99?: number;
  readonly cpu?: number;
  readonly rss?: number;
}

/** What `deno task bench` runs. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "fan-out",
    viewers: 1000,
    stalled: 0,
    rate: 10,
    seconds: 30,
    warmup: 5,
    aims: { p50: 15, p99: 60, cpu: 30, rss: 300 },
  },
];

/** What keeps a run bounded in time and memory. */
export const BOUNDS = { viewers: 20_000, rate: 5000, seconds: 600, deliveries: 400_000_000 } as const;

/** The same in less time. */
export function quick(scenario: Scenario): Scenario {
  return { ...scenario, seconds: Math.min(scenario.seconds, 8), warmup: Math.min(scenario.warmup, 3) };
}

/** @throws {RangeError} naming what is out of bounds */
export function checkScenario({ name, viewers, stalled, rate, seconds, warmup }: Scenario): void {
  const check = (what: string, value: number, most: number, least = 1) => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new RangeError(`${what} is ${value} in ${name}, allowed: whole numbers from ${least} to ${most}`);
  };
  check("--viewers", viewers, BOUNDS.viewers);
  check("--stalled", stalled, BOUNDS.viewers, 0);
  check("--rate", rate, BOUNDS.rate);
  check("--seconds", seconds, BOUNDS.seconds);
  check("--warmup", warmup, BOUNDS.seconds, 0);
  check("--viewers x --rate x --seconds", viewers * rate * seconds, BOUNDS.deliveries);
}
