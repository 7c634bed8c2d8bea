/**
 * Viewers of cold organizations: they come to one that nobody watches, amid transactions that are open already, stay for a while
 * and end. What they are promised is what all others are.
 */

import type postgres from "postgres";
import { wait } from "../../lib/backoff.ts";
import { FILTERS } from "./filters.ts";
import { covers, sees } from "./judge.ts";
import { commitPrepared, prepare } from "./prepared.ts";
import { insertMarker, type Written } from "./traffic.ts";
import type { FaultViewer } from "./viewer.ts";
import { openClient, withClient } from "./writers.ts";
import type { Fault, Opened, World } from "./world.ts";

/** Viewers of cold organizations, at most: at a time, and in a run. */
const MOST_OPEN = 36;
const MOST_VIEWERS = 1000;

/** How long a viewer may take to see its end while things fail, in milliseconds. */
const PATIENCE = 60_000;

/** The faults by what they are called in the report. */
export const COLD_FAULTS: Readonly<Record<string, Fault>> = {
  "cold organization": (world, dice) => {
    const { cold, tasks } = world;
    const count = dice.int(1, 3);
    if (cold.viewers.length + count > MOST_VIEWERS) return null;
    if (cold.viewers.filter(({ isOver }) => !isOver).length + count > MOST_OPEN) return null;
    const organizationId = cold.window.take();
    // The first one has no filter; as often as not they come together.
    const together = dice.chance(0.5);
    for (let i = 0; i < count; i++) {
      const filter = dice.pick(i === 0 ? FILTERS.slice(0, 1) : FILTERS);
      const visit = {
        organizationId,
        filter,
        tail: dice.pick([0, 0, 10, 500]),
        delay: together || i === 0 ? 0 : dice.int(0, 800),
        stay: dice.int(10_000, 20_000),
        // Away for that long, after that long.
        leaves: Array.from(
          { length: dice.int(0, 3) },
          () => [dice.int(0, 6000), dice.int(0, 2500), dice.pick(["header", "query"] as const)] as const,
        ),
      };
      tasks.push(live(world, visit).catch((error: Error) => void world.problems.push(error.message)));
    }
    return true;
  },
  // Nothing of this transaction's session is left that could tell that it has written.
  "prepared in a cold one": async (world, dice) => {
    const name = await prepare(world, dice.pick(world.cold.window.ahead));
    if (name === null || name === false) return name;
    const milliseconds = dice.int(500, 5000);
    world.tasks.push(wait(milliseconds, world.until).then(() => commitPrepared(world, name)));
    return true;
  },
};

/** What one viewer of a cold organization does. Times are in milliseconds. */
interface Visit extends Pick<FaultViewer, "organizationId" | "filter"> {
  readonly tail: number;
  readonly delay: number;
  readonly stay: number;
  readonly leaves: readonly (readonly [after: number, away: number, by: "header" | "query"])[];
}

/** Comes, stays and ends. Left open where the faults end first. */
async function live(world: World, visit: Visit): Promise<void> {
  const { until, cold, problems } = world;
  await wait(visit.delay, until);
  if (until.aborted) return;
  const viewer = await arrive(world, () => cold.open(visit));
  const over = performance.now() + visit.stay;
  for (const [after, away, by] of visit.leaves) {
    await wait(Math.max(0, Math.min(after, over - performance.now())), until);
    if (until.aborted || performance.now() >= over) break;
    viewer.leave(by, away);
  }
  await wait(Math.max(0, over - performance.now()), until);
  while (!until.aborted) {
    const end = await writeEnd(world, viewer.organizationId);
    if (end === null) {
      // PostgreSQL is not there at the moment.
      await wait(500, until);
      continue;
    }
    const seen = await viewer.until(() => until.aborted || hasSeenEnd(viewer, end), PATIENCE);
    if (until.aborted) return;
    if (seen) return viewer.end(end.snapshot);
    // It stays open, and is judged with all others.
    problems.push(`${viewer.name} did not see its end within ${PATIENCE / 1000} s`);
    return;
  }
}

/**
 * Opens a viewer, and notes its beginning as soon as it was told that logs come through: on a connection that is open already,
 * because what commits before that was noted is not looked for.
 */
async function arrive(world: World, open: () => Opened): Promise<FaultViewer> {
  const sql = openClient(world.url, "faults");
  try {
    // PostgreSQL may be away; it is asked again then, on another connection.
    await Promise.race([sql`select 1`.catch(() => {}), wait(5000, world.until)]);
    const { viewer, begun } = open();
    await begun(async () => await Promise.race([readSnapshot(sql), wait(5000, world.signal)]) ?? null);
    return viewer;
  } finally {
    await sql.end({ timeout: 0 }).catch(() => {});
  }
}

async function readSnapshot(sql: postgres.Sql): Promise<string | null> {
  try {
    const [row] = await sql<{ now: string }[]>`select pg_current_snapshot()::text as now`;
    return row?.now ?? null;
  } catch {
    return null;
  }
}

/**
 * Writes the marker with which a viewer ends. What the snapshot of its statement sees belongs to the viewer as well; that the commit
 * is known makes it safe from crashes, for whatever had ended before is on disk then.
 */
async function writeEnd({ url, numbers, cold }: World, organizationId: number): Promise<Written | null> {
  const writing = withClient(url, 10_000, (sql) => insertMarker(sql, () => numbers(1), organizationId))
    .catch(() => null);
  cold.writing.add(writing);
  return await writing.finally(() => cold.writing.delete(writing));
}

/**
 * Whether a viewer has been told all that there was until its end. That it has the marker is not enough: of what is caught up at
 * once something that committed earlier may follow on it.
 */
function hasSeenEnd({ ledger }: FaultViewer, { snapshot, id, xid }: Written): boolean {
  if (ledger.isWaiting || ledger.cursor === null || !covers(ledger.cursor, snapshot)) return false;
  return ledger.logs.has(id) || sees(ledger.cursor)(xid);
}
