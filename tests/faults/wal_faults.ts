/** What happens to a server that reads the log of PostgreSQL (`TAILPOST_SOURCE=wal`), beside everything else. */

import { wait } from "../../lib/backoff.ts";
import type { Dice } from "./chance.ts";
import { commitPrepared, prepare } from "./prepared.ts";
import { attempt, HEARS, terminate } from "./server_faults.ts";
import { insertMarker } from "./traffic.ts";
import { withClient } from "./writers.ts";
import type { Fault, World } from "./world.ts";

/** The faults by what they are called in the report. */
export const WAL_FAULTS: Readonly<Record<string, Fault>> = {
  "replication terminated": (world) => terminate(world, HEARS.wal),
  "replication cut off": ({ proxy, tasks, signal }, dice) => {
    if (!proxy.forwards(HEARS.wal)) return false;
    // Whether the server hangs up is up to what fails next.
    void proxy.blackHole(HEARS.wal);
    tasks.push(wait(dice.int(1000, 8000), signal).then(() => proxy.heal()));
    return true;
  },
  "slot lost": async (world, dice) => {
    let lost = false;
    const until = performance.now() + 1000;
    while (performance.now() < until && !world.signal.aborted) {
      if (await loseSlot(world)) lost = true;
      await wait(dice.int(50, 250), world.signal);
    }
    return lost;
  },
  "transaction left open": async (world, dice) => {
    const [idle, writing] = [dice.int(3000, 12_000), dice.int(3000, 12_000)];
    const organizationId = someOrganization(world, dice);
    world.tasks.push(leaveOpen(world, idle, null), leaveOpen(world, writing, organizationId));
    await wait(dice.int(100, 1000), world.signal);
    // A slot that is made now waits until both have ended.
    if (dice.chance(0.5)) await terminate(world, HEARS.wal);
    return true;
  },
  "prepared transaction": async (world, dice) => {
    const name = await prepare(world, someOrganization(world, dice));
    if (name === null || name === false) return name;
    world.tasks.push(wait(dice.int(500, 3000), world.until).then(() => commitPrepared(world, name)));
    return true;
  },
};

function someOrganization({ viewers }: World, dice: Dice): number {
  return dice.pick([...new Set(viewers.map(({ organizationId }) => organizationId))]);
}

/** Ends whoever reads a slot of the server's, which is dropped with it, or by us. Whether there was one. */
async function loseSlot({ superuserUrl }: World): Promise<boolean> {
  let found = 0;
  await attempt(() =>
    withClient(superuserUrl, 5000, async (sql) => {
      const ended = await sql`
        select pg_terminate_backend(active_pid) from pg_replication_slots
        where slot_name like 'tailpost%' and active_pid is not null`;
      found += ended.length;
      const dropped = await sql`
        select pg_drop_replication_slot(slot_name) from pg_replication_slots
        where slot_name like 'tailpost%' and active_pid is null`;
      found += dropped.length;
    })
  );
  return found > 0;
}

/** Holds a transaction open that has an id; in an organization it has written a log. */
async function leaveOpen(
  { url, numbers, until }: World,
  milliseconds: number,
  organizationId: number | null,
): Promise<void> {
  await attempt(() =>
    withClient(url, milliseconds + 10_000, async (sql) => {
      await sql.unsafe("begin");
      if (organizationId === null) await sql`select pg_current_xact_id()`;
      else await insertMarker(sql, () => numbers(1), organizationId);
      await wait(milliseconds, until);
      await sql.unsafe("commit");
    })
  );
}
