/** Lets organizations write and watch at once, and looks for logs that one was told of another's. */

import { type Dice, diceOf } from "../faults/chance.ts";
import type { TestServer } from "../postgres.ts";
import { type Seen, type Way, WAYS } from "./oracle.ts";
import { readExport, readHistory, readLog, readPage, readValues, readViews, watch } from "./readers.ts";
import { startWorld, type Walls, type World } from "./world.ts";
import { judgeWritten, writeByHttp, writeBySql, writeMany, writeView } from "./writers.ts";

/** How to scan. */
export interface ScanOptions {
  readonly walls: Walls;
  /** How long. */
  readonly seconds: number;
  readonly seed: number;
  /** Ends once something foreign was seen on each of these ways. Default: it never does. */
  readonly until?: readonly Way[];
}

/** What a scan saw. */
export interface ScanReport {
  readonly walls: Walls;
  readonly seconds: number;
  /** In the table at the end. */
  readonly logs: number;
  readonly seen: Readonly<Record<Way, Seen>>;
  /** Logs of others that somebody was told of, or that were written where they do not belong. */
  readonly foreign: number;
  readonly examples: readonly string[];
  /** What else should not have been, at most 20; ways on which nothing was seen at all among them. */
  readonly problems: readonly string[];
}

/** Between two losses of the listener's connection, and between two large transactions, in milliseconds. */
const CUT = 5000;
const BULK = 8000;

/** Scans. */
export async function scan(server: TestServer, options: ScanOptions): Promise<ScanReport> {
  const { walls, seconds, seed, until } = options;
  await using world = await startWorld(server, walls);
  const began = performance.now();
  const { oracle } = world;
  const isOver = () =>
    performance.now() - began > seconds * 1000 || world.problems.length > 0 ||
    (until?.every((way) => oracle.seen[way].foreign > 0) && unseen(world).length === 0);
  const actor = async (name: string, act: (dice: Dice) => Promise<void>) => {
    const dice = diceOf(seed, name);
    while (!isOver()) await act(dice);
  };
  const rarely = (every: number, act: (dice: Dice) => Promise<void>) => {
    let next = performance.now() + every / 3;
    return async (dice: Dice) => {
      if (performance.now() < next) return await writeBySql(world, dice);
      await act(dice);
      next = performance.now() + every;
    };
  };
  await Promise.all([
    actor("by SQL", rarely(CUT, () => world.cutListener())),
    actor("by SQL, much", rarely(BULK, (dice) => writeMany(world, dice))),
    ...until ? [actor("judge", () => judgeWritten(world).then(() => {}))] : [],
    ...world.tenants.flatMap((tenant) => [
      ...[1, 2, 3].map((n) => actor(`${tenant.id} watches ${n}`, (dice) => watch(world, tenant, dice))),
      actor(
        `${tenant.id} asks`,
        (dice) =>
          dice.pick([readExport, readHistory, readLog, readLog, readPage, readValues, readViews, writeView])(
            world,
            tenant,
            dice,
          ),
      ),
      actor(`${tenant.id} sends`, (dice) => writeByHttp(world, tenant, dice)),
    ]),
  ]);
  const logs = await judgeWritten(world);
  return {
    walls,
    seconds: (performance.now() - began) / 1000,
    logs,
    seen: oracle.seen,
    foreign: oracle.foreign,
    examples: oracle.examples,
    problems: [...world.problems.slice(0, 20), ...unseen(world)],
  };
}

/** A scan that saw nothing proves nothing. */
function unseen({ oracle }: World): string[] {
  return WAYS.filter((way) => oracle.seen[way].own === 0).map((way) => `${way}: nothing was seen at all`);
}
