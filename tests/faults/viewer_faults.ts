/** What happens to viewers. */

import { wait } from "../../lib/backoff.ts";
import { type Dice, shuffled } from "./chance.ts";
import { ORGANIZATIONS } from "./filters.ts";
import { flood } from "./traffic.ts";
import type { FaultViewer } from "./viewer.ts";
import { withClient } from "./writers.ts";
import type { Fault, World } from "./world.ts";

/** Viewers that join while everything goes wrong, at most. */
const MOST_VIEWERS = 36;

/** Everything that each filter looks for. */
const LOOKED_FOR = "order 77 needle größe ";

/** Fits a preview, in three bytes a character. */
const LONG = "日志".repeat(430);

/** Some viewers of one organization. */
function some({ viewers }: World, dice: Dice, most: number): FaultViewer[] {
  const organization = dice.pick(ORGANIZATIONS);
  const those = viewers.filter(({ organizationId }) => organizationId === organization);
  return shuffled(those, dice).slice(0, dice.int(1, most));
}

function leave(world: World, dice: Dice, by: "header" | "query"): boolean {
  for (const viewer of some(world, dice, 4)) viewer.leave(by, dice.int(0, 2500));
  return true;
}

/** The faults by what they are called in the report. */
export const VIEWER_FAULTS: Readonly<Record<string, Fault>> = {
  "resume by header": (world, dice) => leave(world, dice, "header"),
  "resume by query": (world, dice) => leave(world, dice, "query"),
  "resume by another process": (world, dice) => {
    for (const viewer of some(world, dice, 1)) viewer.handOver(dice.int(500, 2500));
    return true;
  },
  "stall": async (world, dice) => {
    const stalled = some(world, dice, 3);
    const milliseconds = dice.int(1500, 6000);
    for (const viewer of stalled) {
      if (dice.chance(0.7)) viewer.stall(milliseconds);
      else viewer.crawl(milliseconds);
    }
    // Now and then more than the network (some 5 MB on one machine), the viewer's buffer and the recent past hold.
    const organizationId = stalled[0]?.organizationId ?? 1;
    return dice.chance(0.7) ? true : await write(world, organizationId, dice.int(3000, 4000), LONG);
  },
  "new viewer": (world) => {
    if (world.viewers.length === MOST_VIEWERS) return null;
    world.openViewer();
    return true;
  },
};

/**
 * Some viewers are away while so much is written at once that they are told a gap: over 10,000 logs. Over 20,000 in one
 * transaction everyone is.
 */
export const missMuch: Fault = async (world, dice) => {
  const gone = some(world, dice, 5);
  const organizationId = gone[0]?.organizationId ?? 1;
  const rows = dice.chance(0.7) ? dice.int(10_500, 13_000) : dice.int(20_500, 24_000);
  const over = new AbortController();
  for (const viewer of gone) {
    const until = wait(30_000, AbortSignal.any([over.signal, world.signal]));
    viewer.stayAway(dice.pick(["header", "query"]), until);
  }
  try {
    return await write(world, organizationId, rows, "");
  } finally {
    over.abort();
  }
};

async function write(world: World, organizationId: number, rows: number, text: string): Promise<boolean> {
  try {
    const what = { organizationId, rows, first: world.numbers(rows), text: LOOKED_FOR + text };
    await withClient(world.url, 15_000, (sql) => flood(sql, what));
    return true;
  } catch {
    return false;
  }
}
