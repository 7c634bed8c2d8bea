/**
 * Stores what comes in over HTTP, requests that come at the same time in one INSERT: a commit waits for the disk, whatever it
 * holds. While nothing else is being stored, nothing waits. Each request is answered for itself, after its commit.
 */

import { type Clock, systemClock } from "./clock.ts";
import { isAway } from "./database.ts";
import { type Client, gone, type Limits } from "./limits.ts";
import type { LogInput } from "./log_input.ts";
import { insertJson } from "./log_store/insert.ts";
import type { ScopedSql } from "./log_store/wall.ts";

/** How long requests wait for an INSERT that is under way, in milliseconds, before another one begins beside it. */
export const PATIENCE = 2;

/** INSERTs of one organization at a time. */
const MOST_INSERTS = 4;

/** The most that one INSERT takes of several requests. One request alone may hold more: a body has its own bounds. */
const MOST_OF_GROUP = { logs: 5000, characters: 4 * 1024 * 1024 } as const;

/** Logs to store. */
export interface Storing {
  /** Whom the statement is for. */
  readonly db: ScopedSql;
  readonly organizationId: number;
  readonly logs: readonly LogInput[];
  /** Aborts when whoever sent them has gone. What has not begun by then is not stored. */
  readonly signal: AbortSignal;
}

/** See {@link createIngest}. */
export interface Ingest {
  /**
   * Stores the logs of one request, all or none.
   *
   * @returns their ids, in the same order
   * @throws {RefusedError} where the client or everybody waits for too much
   */
  store(client: Client, storing: Storing): Promise<number[]>;
  /** INSERTs that were made. */
  readonly inserts: number;
}

/** What ingest is made of. */
export interface IngestOptions {
  readonly limits: Pick<Limits, "place" | "turn">;
  readonly clock?: Clock;
}

/** One request that waits. `logs` are its logs as JSON, between commas. */
interface Request {
  readonly count: number;
  readonly logs: string;
  readonly signal: AbortSignal;
  resolve(ids: number[]): void;
  reject(error: unknown): void;
}

/** The requests of one organization. */
interface Queue {
  readonly db: ScopedSql;
  readonly organizationId: number;
  readonly waiting: Request[];
  inserting: number;
  /** What waits beside an INSERT that is under way. */
  patience: { readonly until: number; over(): void; cancel(): void } | null;
}

/** Makes it. */
export function createIngest(
  { limits, clock = systemClock }: IngestOptions,
): Ingest {
  const queues = new Map<string, Queue>();
  let inserts = 0;

  function run(queue: Queue, requests: readonly Request[]): Promise<number[]> {
    inserts++;
    return insertJson(queue.db, queue.organizationId, `[${requests.map(({ logs }) => logs).join(",")}]`);
  }

  async function insertGroup(queue: Queue, group: readonly Request[]): Promise<void> {
    try {
      const ids = await run(queue, group);
      let from = 0;
      for (const { count, resolve } of group) resolve(ids.slice(from, from += count));
    } catch (error) {
      if (group.length === 1 || isAway(error)) return group.forEach(({ reject }) => reject(error));
      // Nothing of it was stored: what is wrong with one of them must not cost the others.
      for (const request of group) await insertGroup(queue, [request]);
    }
  }

  /** Waits for a turn in the database, and takes what waits by then. */
  async function insertNext(key: string, queue: Queue): Promise<void> {
    queue.inserting++;
    try {
      await limits.turn(async () => {
        const group = takeGroup(queue.waiting);
        if (group.length > 0) await insertGroup(queue, group);
      });
    } catch (error) {
      for (const { reject } of queue.waiting.splice(0)) reject(error);
    }
    queue.inserting--;
    if (queue.waiting.length > 0) wake(key, queue);
    else if (queue.inserting === 0) queues.delete(key);
  }

  function wake(key: string, queue: Queue): void {
    if (queue.inserting === 0) return void insertNext(key, queue);
    if (queue.inserting >= MOST_INSERTS) return;
    if (queue.patience === null) {
      const over = () => {
        queue.patience = null;
        if (queue.waiting.length > 0 && queue.inserting < MOST_INSERTS) void insertNext(key, queue);
      };
      queue.patience = { until: clock.now() + PATIENCE, over, cancel: clock.after(PATIENCE, over) };
    } else if (clock.now() >= queue.patience.until) {
      // Many requests came at once, and the timer has to wait until they were read: the database need not.
      queue.patience.cancel();
      queue.patience.over();
    }
  }

  return {
    async store(client, { db, organizationId, logs, signal }) {
      // An empty batch is no reason to ask the database.
      if (logs.length === 0) return [];
      using _place = limits.place(client);
      const key = `${db.scope} ${organizationId}`;
      let queue = queues.get(key);
      if (!queue) {
        queues.set(key, queue = { db, organizationId, waiting: [], inserting: 0, patience: null });
      }
      const { promise, resolve, reject } = Promise.withResolvers<number[]>();
      queue.waiting.push({
        count: logs.length,
        logs: JSON.stringify(logs).slice(1, -1),
        signal,
        resolve,
        reject,
      });
      wake(key, queue);
      return await promise;
    },
    get inserts() {
      return inserts;
    },
  };
}

/** Takes the oldest requests, as many as one INSERT may hold. Those whose clients have gone are sent away. */
function takeGroup(waiting: Request[]): Request[] {
  const group: Request[] = [];
  let [logs, characters] = [0, 0];
  let taken = 0;
  for (const request of waiting) {
    if (request.signal.aborted) request.reject(gone());
    else {
      logs += request.count;
      characters += request.logs.length;
      const isOver = logs > MOST_OF_GROUP.logs || characters > MOST_OF_GROUP.characters;
      if (isOver && group.length > 0) break;
      group.push(request);
    }
    taken++;
  }
  waiting.splice(0, taken);
  return group;
}
