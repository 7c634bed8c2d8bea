/** What happens to the server, to PostgreSQL and to the network between them. */

import { wait } from "../../lib/backoff.ts";
import { MOST_PREPARED } from "./prepared.ts";
import { missMuch } from "./viewer_faults.ts";
import { openClient, withClient } from "./writers.ts";
import type { Fault, SourceName, World } from "./world.ts";

const LISTENER = "tailpost-listener";

/** How the connection names itself on which logs are heard. */
export const HEARS: Readonly<Record<SourceName, string>> = { notify: LISTENER, wal: "tailpost-wal" };

/** A connection that does not answer any more has to be found within this time, in milliseconds, plus slack for a busy machine. */
const NOTICE = 15_000;
const SLACK = 2_000;

/** How many connections PostgreSQL takes. */
const MOST_CONNECTIONS = 100;

/** With few connections they can be used up; with a lazy writer it is commits alone that write to the disk. */
export function postgresSettings(source: SourceName): Record<string, string> {
  return {
    max_connections: String(MOST_CONNECTIONS),
    wal_writer_delay: "10s",
    max_prepared_transactions: String(MOST_PREPARED),
    ...source === "wal" ? { wal_level: "logical", max_wal_senders: "10", max_replication_slots: "10" } : {},
  };
}

/** The faults by what they are called in the report. */
export const SERVER_FAULTS: Readonly<Record<string, Fault>> = {
  "listener terminated": async (world) => await terminate(world, LISTENER) || otherwise(world),
  "listener cut off": (world, dice) => {
    const { proxy, tasks, signal } = world;
    if (!proxy.forwards(LISTENER)) return otherwise(world);
    const healed = wait(dice.chance(0.5) ? 0 : dice.int(1000, 8000), signal).then(() => proxy.heal());
    tasks.push(healed);
    tasks.push(notice(world, proxy.blackHole(LISTENER)));
    return true;
  },
  "network cut off": async ({ proxy, signal }, dice) => {
    // Whether all clients hang up is up to what fails next.
    void proxy.blackHole();
    await wait(dice.int(500, 4000), signal);
    proxy.heal();
    return true;
  },
  "PostgreSQL restarted": async ({ postgres }) => {
    await postgres.restart("fast");
    return true;
  },
  "PostgreSQL crashed": async ({ postgres }) => {
    await postgres.restart("immediate");
    return true;
  },
  "crash after rollbacks": (world) =>
    crashAfterRollbacks(world, async () => {
      // It comes back within half a second, and catches up.
      await terminate(world, HEARS[world.source]);
      await wait(1000, world.signal);
    }),
  "crash while viewers are away": (world) => {
    const back = Promise.withResolvers<void>();
    return crashAfterRollbacks(world, async () => {
      // All viewers catch up from the table, and half of them leave with the cursor of that.
      await world.server.restart("SIGKILL", 0);
      await wait(1500, world.signal);
      for (const viewer of world.viewers.filter((_, i) => i % 2 === 0)) {
        viewer.stayAway("header", back.promise);
      }
    }).finally(() => world.tasks.push(wait(1500, world.signal).then(back.resolve)));
  },
  "server killed": async ({ server }, dice) => {
    await server.restart("SIGKILL", dice.int(0, 1500));
    return true;
  },
  "server stopped": async ({ server }, dice) => {
    await server.restart("SIGTERM", dice.int(0, 500));
    return true;
  },
  "table locked": async ({ url, signal }, dice) => {
    const milliseconds = dice.int(1500, 4000);
    return await attempt(() =>
      withClient(url, milliseconds + 10_000, async (sql) => {
        await sql.unsafe("set lock_timeout = '5s'; begin; lock table logs in access exclusive mode");
        await wait(milliseconds, signal);
        await sql.unsafe("commit");
      })
    );
  },
  "gap": missMuch,
  "connections used up": async (world, dice) => {
    const { url, signal } = world;
    const sql = openClient(url, "faults-hog", MOST_CONNECTIONS);
    const seconds = dice.int(15, 40) / 10;
    // Those that get one keep it; the others are refused, as the pool's are once it has lost its own.
    const hogs = Array.from(
      { length: MOST_CONNECTIONS },
      () => sql`select pg_sleep(${seconds})`.catch(() => {}),
    );
    const until = performance.now() + 1000 * seconds;
    // While they all knock there is no room for anybody.
    let done = await terminate(world, "tailpost");
    for (; !done && performance.now() < until; done = await terminate(world, "tailpost")) {
      await wait(100, signal);
    }
    await wait(until - performance.now(), signal);
    await sql.end({ timeout: 0 }).catch(() => {});
    await Promise.race([Promise.all(hogs), wait(5000, signal)]);
    return done;
  },
};

/** Without a listener: one that hears by other means need not have any. */
function otherwise({ source }: World): false | null {
  return source === "notify" ? false : null;
}

/** Ends the backends of an application. There has to be one. */
export async function terminate({ superuserUrl }: World, application: string): Promise<boolean> {
  let ended = 0;
  const asked = await attempt(() =>
    withClient(superuserUrl, 5000, async (sql) => {
      const rows = await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = ${application} and datname = current_database()`;
      ended = rows.length;
    })
  );
  return asked && ended > 0;
}

/** Rollbacks of which the disk does not know when PostgreSQL crashes, though cursors do. */
const ROLLBACKS = 20;

/**
 * PostgreSQL hands the ids of transactions out again that it does not find on its disk. No cursor may have claimed them, whoever
 * takes one meanwhile.
 */
async function crashAfterRollbacks(world: World, meanwhile: () => Promise<void>): Promise<boolean> {
  const { url, postgres } = world;
  let done = false;
  await attempt(() =>
    withClient(url, 15_000, async (lock) => {
      // Nobody commits meanwhile, which would write everything to disk. Readers are let through.
      await lock.unsafe("set lock_timeout = '5s'; begin; lock table logs in share row exclusive mode");
      let isOver = false;
      // To the end: a server that comes back says what it watches, which writes to disk what was rolled back before.
      const undoing = withClient(url, 15_000, async (sql) => {
        for (let i = 0; i < ROLLBACKS || !isOver; i++) {
          await sql.unsafe("begin; select pg_current_xact_id(); rollback");
        }
      });
      await Promise.all([undoing, meanwhile().finally(() => isOver = true)]);
      await postgres.restart("immediate");
      done = true;
    })
  );
  return done;
}

/** Measures how long the server holds on to a connection on which nothing comes any more. */
async function notice(world: World, left: Promise<void>): Promise<void> {
  const began = performance.now();
  const over = new AbortController();
  const late = wait(NOTICE + SLACK, AbortSignal.any([over.signal, world.signal])).then(() => {
    if (over.signal.aborted || world.signal.aborted) return;
    world.problems.push(`The server did not notice within ${NOTICE / 1000} s that its listener was cut off`);
  });
  await Promise.race([left, late]);
  over.abort();
  world.slowestNotice = Math.max(world.slowestNotice, performance.now() - began);
}

/** Whether something went well that need not. */
export async function attempt(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    return false;
  }
}
