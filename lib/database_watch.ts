/**
 * Watches over the database: with every liveness query of the listener, whenever it connects, and when somebody asks whether the
 * server is ready. Knows what is wrong at the moment, and when logs may have gone by unannounced.
 */

import type postgres from "postgres";
import {
  expectedBody,
  factsOf,
  type FactsRow,
  type Origin,
  readFacts,
  readOrigin,
} from "./database_facts.ts";
import { diagnose, isUnannounced } from "./database_state.ts";
import { foreignOrganizations } from "./foreign_logs.ts";
import { parseCursor, xmaxOf } from "./cursor.ts";
import { readMigrations } from "./migrations.ts";
import { hears } from "./pooler.ts";
import { tlsProblem } from "./postgres_tls_error.ts";
import type { DatabaseProblem } from "./sse.ts";
import type { Source } from "./wal_state.ts";

/** What {@link createDatabaseWatch} needs. */
export interface DatabaseWatchOptions {
  /** The pool, for what may take longer than a liveness query. */
  readonly sql: postgres.Sql;
  /** How logs are heard. Default `notify`. */
  readonly source?: Source;
  /** With `wal`: whether the stream has its slot, and needs no other one. Default: it has none. */
  readonly hasSlot?: () => boolean;
  /** Sends a NOTIFY from a connection of its own. */
  readonly notify: (channel: string) => Promise<unknown>;
  /** Another problem, or none. Said once a change. */
  readonly onProblem: (problem: DatabaseProblem | null) => void;
  /** Logs may have been stored after the snapshot `since` and not been announced. */
  readonly onMissed: (since: string | null) => void;
  /**
   * The server was started since, or it is another one. Transaction ids from `xid` on may be handed out a second time; 0: the
   * cluster is another one, whose ids mean something else altogether. `started`: see {@link Origin.started}.
   */
  readonly onRestart: (xid: bigint, started: string) => void;
  /** Something that a person should know of and that keeps no log from anybody. Said once. */
  readonly onNote: (note: string) => void;
  /** Something could not be looked at. */
  readonly onError: (message: string, error: unknown) => void;
}

/** See the module's comment. */
export interface DatabaseWatch {
  /** What is wrong, `null` when nothing is known to be. */
  readonly problem: DatabaseProblem | null;
  /** Every cursor of the database has at most this xmax, as of the last look; 0 before the first. */
  readonly xmax: bigint;
  /** The liveness query, on the listener's connection. Rejects when that does not answer. */
  probe(connection: postgres.Sql): Promise<void>;
  /** Looks at it through the pool, once for all that ask while another look is being taken. */
  inspect(): Promise<void>;
  /** The listener was notified on a channel. */
  heard(channel: string): void;
  /** The listener listens: what takes longer is looked at now. */
  connected(): void;
  /** The listener's connection was lost, or could not be made. */
  disconnected(): void;
}

/** Makes one. It asks nothing by itself. */
export function createDatabaseWatch(options: DatabaseWatchOptions): DatabaseWatch {
  const { sql, source = "notify", hasSlot = () => false, notify, onProblem, onMissed } = options;
  const waiting = new Map<string, () => void>();
  const body = readMigrations().then(expectedBody).catch((error: unknown) => {
    options.onError("Cannot tell whether the trigger was edited", error);
    return null;
  });
  let problem: DatabaseProblem | null = null;
  let xmax = 0n;
  let facts: FactsRow | null = null;
  let current: postgres.Sql | null = null;
  /** Whether {@link current} has its backend for itself. */
  let direct = false;
  /** A pooler is between; {@link pooler}: one that takes LISTEN and delivers nothing. */
  let through = false;
  let pooler = false;
  let foreignLogs = false;
  /** All that is visible in this snapshot was announced, or somebody was told that it may not have been. */
  let announced: string | null = null;
  /** Transactions below this id may have written logs without an announcement, and some are still open. */
  let open: bigint | null = null;
  let origin: Origin | null = null;
  /** Looked at since the connection before was lost. */
  let looked = false;
  let noted = false;
  let looking: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function on(channel: string, heard: () => void): () => void {
    waiting.set(channel, heard);
    return () => void waiting.delete(channel);
  }

  const revisionOf = ({ wal, revision }: FactsRow) => wal?.revision ?? revision;

  async function diagnosis(row: FactsRow): Promise<DatabaseProblem | null> {
    const slot = hasSlot();
    return diagnose({
      ...factsOf(row, await body),
      // Newer PgBouncers carry replication: then there is a slot.
      pooler: pooler || (source === "wal" && through && !slot),
      foreignLogs,
      hasSlot: slot,
    });
  }

  function report(found: DatabaseProblem | null): void {
    if (problem?.message === found?.message) return;
    problem = found;
    onProblem(found);
  }

  /** `late`: also where nothing has changed, the table is to be asked for what was not announced. */
  async function judge(row: FactsRow, late: boolean): Promise<void> {
    const before = { facts, problem };
    facts = row;
    xmax = xmaxOf(row.snapshot);
    // Another database by now.
    if (announced !== null && xmaxOf(announced) > xmax) announced = open = null;
    report(await diagnosis(row));
    if (row.maySelect && !row.mayInsert && !row.standby && !noted) {
      noted = true;
      options.onNote(
        "The account of DATABASE_URL may not write logs, so POST /api/logs fails: GRANT INSERT ON logs to it",
      );
    }
    // A trigger that was off for a moment, for a bulk load perhaps, leaves no other trace; nor does a publication.
    const silent = isUnannounced(before.problem, source) || isUnannounced(problem, source);
    const changed = (before.facts !== null && revisionOf(before.facts) !== revisionOf(row)) ||
      (before.problem !== problem && (silent || source === "notify"));
    const unannounced = silent || changed;
    if (unannounced && !changed && !late) return;
    if (unannounced || (open !== null && late)) onMissed(announced);
    if (unannounced) open = xmax;
    if (open !== null && parseCursor(row.snapshot).xmin >= open) open = null;
    announced = row.snapshot;
  }

  /** Whether the server refused the query itself: the connection lives, and that is what was asked. */
  const isRefusal = (error: unknown) =>
    error instanceof Error && error.name === "PostgresError" && "code" in error &&
    !/^(?:08|53|57)/u.test(String(error.code));

  async function compareOrigin(connection: postgres.Sql, xmax: bigint): Promise<void> {
    const before = origin;
    origin = await readOrigin(connection);
    if (before === null || before.started === origin.started) return;
    announced = null;
    const next = BigInt(origin.nextXid);
    options.onRestart(before.cluster !== origin.cluster ? 0n : next < xmax ? next : xmax, origin.started);
  }

  async function look(): Promise<void> {
    await judge(await readFacts(sql, { source }), false);
    if (foreignLogs) await checkLogs();
  }

  async function checkLogs(): Promise<void> {
    if (!facts?.maySelect || facts.schema === null) return;
    try {
      foreignLogs = (await foreignOrganizations(sql, { limit: 1 })).length > 0;
      if (facts) report(await diagnosis(facts));
    } catch (error) {
      options.onError("Cannot look for logs of another cluster", error);
    }
  }

  return {
    get problem() {
      return problem;
    },
    get xmax() {
      return xmax;
    },
    async probe(connection) {
      try {
        const row = await readFacts(connection, { prepared: connection === current && direct, source });
        if (connection !== current) {
          direct = row.pid === row.announcedPid;
          through = !direct && !row.standby;
          pooler = through && !await hears(connection, { notify, on });
          await compareOrigin(connection, xmaxOf(row.snapshot));
          current = connection;
        }
        looked = true;
        await judge(row, true);
      } catch (error) {
        const ofTls = tlsProblem(error);
        if (ofTls) {
          report(ofTls);
          looked = true;
        }
        if (ofTls || !isRefusal(error)) throw error;
        options.onError("Cannot look at the state of the database", error);
      }
      if (foreignLogs) void checkLogs();
    },
    inspect() {
      // Not the look that is being taken: it may have begun before what the asker knows of.
      return next ??= (async () => {
        await looking?.catch(() => {});
        next = null;
        await (looking = look());
      })();
    },
    heard: (channel) => waiting.get(channel)?.(),
    connected: () => void checkLogs(),
    disconnected() {
      // What was wrong with a database that is away is nothing to tell any more; one that lets us in and
      // refuses LISTEN, or TLS, was looked at each time.
      if (!looked) report(null);
      looked = false;
    },
  };
}
