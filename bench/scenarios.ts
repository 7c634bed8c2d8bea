/** What is measured: data. */

/** One measurement. */
export interface Scenario {
  readonly name: string;
  readonly viewers: number;
  /** Further streams that nobody reads. */
  readonly stalled: number;
  /** Logs a second, evenly spaced; 0: nothing happens. */
  readonly rate: number;
  /** How many of them an INSERT writes, which is a transaction. */
  readonly rows: number;
  /** How long is measured, after `warmup` seconds that are not counted. */
  readonly seconds: number;
  readonly warmup: number;
  /** So many different filters, of which every viewer has one; all of them let every log through. 0: none has any. */
  readonly filters: number;
  /**
   * Whether the alternatives are given the same load; `highest`: as much of it as each of them can carry, which is found out by raising
   * the rate.
   */
  readonly others: "none" | "same" | "highest";
  /** What is expected of Tailpost on a machine with two cores. Missing one is said, and is no failure. */
  readonly aims: Aims;
}

/** Times in milliseconds, CPU in percent of one core, memory in megabytes, a viewer's in kilobytes. */
export interface Aims {
  readonly p50?: number;
  readonly p99?: number;
  readonly cpu?: number;
  readonly rss?: number;
  readonly perViewer?: number;
}

type Part = Partial<Scenario> & Pick<Scenario, "name" | "viewers" | "rate">;

const BASE = { rows: 1, stalled: 0, seconds: 15, warmup: 5, filters: 0, others: "none", aims: {} } as const;

const PARTS: readonly Part[] = [
  {
    name: "1,000 viewers, 10 logs/s",
    viewers: 1000,
    rate: 10,
    seconds: 30,
    others: "same",
    aims: { p50: 15, p99: 40, cpu: 30, rss: 300 },
  },
  { name: "1,000 viewers, 100 logs/s", viewers: 1000, rate: 100, others: "same" },
  {
    name: "1,000 viewers, 1,000 logs/s, 5 an INSERT",
    viewers: 1000,
    rate: 1000,
    // PostgreSQL commits what notifies one after another, each with its own wait for the disk.
    rows: 5,
    others: "highest",
    aims: { p99: 150, cpu: 100 },
  },
  { name: "1,000 viewers, each its own filter, 100 logs/s", viewers: 1000, rate: 100, filters: 1000 },
  { name: "5,000 viewers, 10 logs/s", viewers: 5000, rate: 10, others: "same" },
  { name: "10,000 viewers, 10 logs/s", viewers: 10_000, rate: 10, others: "same", aims: { p99: 350 } },
  {
    name: "10,000 viewers, nothing happens",
    viewers: 10_000,
    rate: 0,
    seconds: 30,
    // What the opening of so many streams leaves behind is collected in the meantime.
    warmup: 20,
    aims: { cpu: 3, perViewer: 50 },
  },
];

/** What `deno task bench` runs. */
export const SCENARIOS: readonly Scenario[] = PARTS.map((part) => ({ ...BASE, ...part }));

/** The rates to try where a program cannot carry the whole one, and for how long. */
export const RISING = { rates: [25, 50, 100, 200, 400, 700, 1000], seconds: 6, warmup: 2 } as const;

/** What keeps a run bounded in time and memory. */
export const BOUNDS = { viewers: 20_000, rate: 5000, seconds: 600, deliveries: 400_000_000 } as const;

/** Those that are quick to run, in less time, and Tailpost alone. */
export const QUICK: readonly Scenario[] = SCENARIOS.filter(({ viewers, rate }) =>
  viewers === 1000 && rate > 0
)
  .map((scenario) => ({
    ...scenario,
    others: "none",
    seconds: Math.min(scenario.seconds, 6),
    warmup: Math.min(scenario.warmup, 2),
  }));

/** @throws {RangeError} naming what is out of bounds */
export function checkScenario(scenario: Scenario): void {
  const { name, viewers, stalled, rate, rows, seconds, warmup, filters } = scenario;
  const check = (what: string, value: number, most: number, least = 1) => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new RangeError(`${what} is ${value} in ${name}, allowed: whole numbers from ${least} to ${most}`);
  };
  check("--viewers", viewers, BOUNDS.viewers);
  check("--stalled", stalled, BOUNDS.viewers, 0);
  check("--rate", rate, BOUNDS.rate, 0);
  check("--rows", rows, 1000);
  check("--seconds", seconds, BOUNDS.seconds);
  check("--warmup", warmup, BOUNDS.seconds, 0);
  check("--filters", filters, BOUNDS.viewers, 0);
  check("--viewers x --rate x --seconds", viewers * rate * seconds, BOUNDS.deliveries, 0);
}
