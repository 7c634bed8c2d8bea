/** The promise of the whole thing on a real PostgreSQL: no log lost, none made up, whatever happens on the way. */

import assert from "node:assert/strict";
import type postgres from "postgres";
import { readConfig } from "../lib/config.ts";
import { isVisible, parseCursor } from "../lib/cursor.ts";
import { type Filter, filterKey, NO_FILTER, parseFilter } from "../lib/filter.ts";
import { TestViewer } from "../lib/hub/_testing.ts";
import type { Level, Log } from "../lib/log.ts";
import { parseLogs } from "../lib/log_input.ts";
import { insertLogs } from "../lib/log_store/insert.ts";
import { scoped } from "../lib/log_store/wall.ts";
import { readMetadata } from "../lib/metadata_path.ts";
import { compileFilter, matches } from "../lib/match.ts";
import { migrateUp } from "../lib/migrations.ts";
import { createServices, type Services } from "../lib/services.ts";
import { testServer } from "./postgres.ts";

const server = await testServer();

const WRITERS = 8;
const OPERATIONS = 45;
const LEVELS = ["info", "warn", "error"];
const SERVICES = ["api", "web", "worker"];

/** Ends the stream of every viewer: all filters below let it through. */
const MARKER = {
  level: "error",
  service: "api",
  message: "the late order of all things ends here",
  metadata: { user: { id: 2 } },
};

const FILTERS = [
  "",
  "level=error",
  "service=api",
  "level=warn,error&service=api,web",
  "q=ORDER",
  "q=/order|late/",
  "not=noise",
  "level=error&not=/^noise/&q=order",
  "q=order&q=late&not.level=debug&not.service=web",
  "meta.user.id=1,2",
  "service=api&not.meta.user.id=1&not.meta.ok=true&q=/order/",
].map((query) => query === "" ? NO_FILTER : parseFilter(new URLSearchParams(query)));

const below = (bound: number) => Math.floor(Math.random() * bound);
const one = <T>(of: readonly T[]) => of[below(of.length)] as T;

function randomLog() {
  const text = one(["order 1", "noise", "late", "an order that is late", "x"]);
  // Some are longer than a preview, their text far behind; some fit no notification at all.
  const message = below(15) === 0 ? "noise ".repeat(300) + text : `${text} ${below(1e9)}`;
  const metadata = one([undefined, { user: { id: below(4) } }, {
    user: { id: String(below(4)) },
    ok: below(2) > 0,
  }]);
  return {
    message,
    level: one(LEVELS),
    service: below(40) === 0 ? "s".repeat(9000) : one(SERVICES),
    metadata,
  };
}

/** Writes one way or another; a part of it is rolled back. */
async function write(sql: postgres.Sql, organizationId: number): Promise<void> {
  const way = below(10);
  if (way < 4) {
    await insertLogs(scoped(sql, organizationId), organizationId, parseLogs([randomLog()]));
  } else if (way < 6) {
    await insertLogs(
      scoped(sql, organizationId),
      organizationId,
      parseLogs(Array.from({ length: 1 + below(60) }, randomLog)),
    );
  } else {
    await sql.begin(async (tx) => {
      for (let i = below(5); i >= 0; i--) {
        await insertLogs(scoped(tx, organizationId), organizationId, parseLogs([randomLog()]));
        await tx`select pg_sleep(${below(4) === 0 ? below(150) / 1000 : 0})`;
      }
      if (way === 9) throw new Error("rolled back");
    }).catch((error: Error) => {
      if (error.message !== "rolled back") throw error;
    });
  }
}

/** One that watches, goes away and comes back where it was, until it has seen the marker. */
class Watcher {
  readonly logs = new Map<number, Log>();
  since: string | null = null;
  /** A snapshot from after it was told that it is ready: whatever it does not show commits later, and has to come. */
  began: string | null = null;
  visits = 0;
  gaps = 0;

  constructor(
    readonly services: Services,
    readonly sql: postgres.Sql,
    readonly organizationId: number,
    readonly filter: Filter,
  ) {}

  async watch(): Promise<void> {
    while (!this.#hasMarker()) {
      this.visits++;
      const { organizationId, filter, since } = this;
      const stream = this.services.hub.subscribe({
        organizationId,
        filter,
        since,
        tail: one([0, 0, 5, 200]),
      });
      const viewer = new TestViewer(stream, { reads: below(4) > 0 });
      viewer.read();
      if (this.began === null) {
        await viewer.untilReady();
        const [row] = await this.sql<{ now: string }[]>`select pg_current_snapshot()::text as now`;
        this.began = row?.now ?? null;
      }
      const enough = 1 + below(120);
      // Some leave before they have a cursor, and begin again where they were. All of them would never get on.
      const withCursor = below(2) > 0;
      await viewer.until(({ said }) =>
        said.length >= enough && said.some(({ kind }) => kind === "ready") &&
          (viewer.cursor !== null || !withCursor) ||
        viewer.messages.includes(MARKER.message)
      );
      await viewer.leave();
      for (const said of viewer.said) {
        if (said.kind === "log") this.logs.set(said.log.id, said.log);
        else if (said.kind === "gap") this.gaps++;
        else if (said.kind === "ready") this.since ??= said.cursor;
      }
      this.since = viewer.cursor ?? this.since;
      // Nobody is back before the network had a turn. Without it, what is in memory would be read over and over.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  #hasMarker(): boolean {
    return [...this.logs.values()].some(({ message }) => message === MARKER.message);
  }
}

/** Ends the listener's connection once it listens, waiting for that. */
async function endListener(sql: postgres.Sql, name: string): Promise<void> {
  for (;;) {
    const rows = await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where application_name = 'tailpost-listener' and datname = ${name} and state = 'idle' and query ~ 'tailpost_watch|pg_locks'`;
    if (rows.length > 0) return;
  }
}

Deno.test("createServices() gives every viewer the committed logs of its filter, and nothing else", async () => {
  await using db = await server.database();
  await migrateUp(db.sql);
  const config = readConfig({ auth: "off" }, { env: () => undefined, isRoot: false, isTerminal: false });
  await using services = createServices(config, db.url);
  const watchers = [1, 2].flatMap((organizationId) =>
    FILTERS.flatMap((filter) => [1, 2].map(() => new Watcher(services, db.sql, organizationId, filter)))
  );
  let operations = 0;
  const milestones = new Map<number, () => unknown>([
    [Math.floor(WRITERS * OPERATIONS * 0.3), () => endListener(db.sql, db.name)],
    [Math.floor(WRITERS * OPERATIONS * 0.6), () => endListener(db.sql, db.name)],
  ]);
  // Half of them are there from the beginning, the others come one by one.
  const watching = watchers.filter((_, i) => i % 2 === 0).map((watcher) => watcher.watch());
  const late = watchers.filter((_, i) => i % 2 === 1);
  const writers = Array.from({ length: WRITERS }, async (_, i) => {
    for (let n = 0; n < OPERATIONS; n++) {
      await write(db.sql, 1 + (i + n) % 2);
      operations++;
      if (operations % 20 === 0) watching.push(...late.splice(0, 1).map((watcher) => watcher.watch()));
      await milestones.get(operations)?.();
    }
  });
  await Promise.all(writers);
  watching.push(...late.map((watcher) => watcher.watch()));
  for (const organizationId of [1, 2]) {
    await insertLogs(scoped(db.sql, organizationId), organizationId, parseLogs([MARKER]));
  }
  await Promise.all(watching);

  const table = await db.sql<
    {
      id: string;
      organization: number;
      level: Level;
      service: string;
      message: string;
      metadata: string;
      xid: string;
    }[]
  >`
    select id, organization_id::int as organization, level, service, message, metadata::text, xid::text
    from logs`;
  assert.ok(table.length > 1000);
  for (const { organizationId, filter, logs, began, gaps } of watchers) {
    const matcher = compileFilter(filter);
    const mine = table.filter(({ organization, level, service, message, metadata }) =>
      organization === organizationId &&
      matches(matcher, { id: 0, timestamp: "", level, service, message }, readMetadata(metadata ?? "null"))
    );
    const allowed = new Map(mine.map(({ id, message }) => [Number(id), message]));
    for (const { id, message } of logs.values()) {
      assert.ok(allowed.get(id)?.startsWith(message), `${id} is no log of ${filterKey(filter)}`);
    }
    const cursor = parseCursor(began ?? assert.fail("it never began"));
    const missing = mine.filter(({ id, xid }) => !isVisible(BigInt(xid), cursor) && !logs.has(Number(id)));
    assert.deepEqual(missing.map(({ id }) => id), [], `missing of ${filterKey(filter)}`);
    assert.equal(gaps, 0);
  }
  const visits = watchers.reduce((sum, { visits }) => sum + visits, 0);
  assert.ok(visits > watchers.length * 2, `${visits} visits`);
  assert.equal(services.hub.counts.viewers, 0);
  assert.match(await services.metrics.text(), /^tailpost_listener_connections_total 3$/mu);
});
