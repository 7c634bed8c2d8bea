/** The requests of a connection, one after another in the order in which they came: answers have that order, too. */

import type { Socket } from "node:net";

/** See {@link createTurns}. */
export interface Turns {
  /** Runs something at its turn. The signal aborts once the connection is closed. */
  take(socket: Socket, run: (signal: AbortSignal) => Promise<void>): void;
  /** Whether something of the connection runs or waits. */
  isTaken(socket: Socket): boolean;
  /** Resolves when nothing runs any more that was taken until now. */
  allOver(): Promise<unknown>;
}

interface Connection {
  readonly waiting: ((signal: AbortSignal) => Promise<void>)[];
  running: AbortController | null;
}

/** Keeps them. `most` may wait on one connection; whoever sends more is cut off. */
export function createTurns(most: number): Turns {
  const connections = new WeakMap<Socket, Connection>();
  const running = new Set<Promise<void>>();

  function connectionOf(socket: Socket): Connection {
    const known = connections.get(socket);
    if (known) return known;
    const connection: Connection = { waiting: [], running: null };
    connections.set(socket, connection);
    socket.once("close", () => {
      connection.waiting.length = 0;
      connection.running?.abort();
    });
    return connection;
  }

  async function runAll(connection: Connection): Promise<void> {
    for (let run = connection.waiting.shift(); run; run = connection.waiting.shift()) {
      connection.running = new AbortController();
      await run(connection.running.signal);
    }
    connection.running = null;
  }

  return {
    take(socket, run) {
      if (socket.destroyed) return;
      const connection = connectionOf(socket);
      if (connection.waiting.length >= most) return void socket.destroy();
      connection.waiting.push(run);
      if (connection.running) return;
      const all = runAll(connection).finally(() => running.delete(all));
      running.add(all);
    },
    isTaken: (socket) => connections.get(socket)?.running instanceof AbortController,
    allOver: () => Promise.all(running),
  };
}
