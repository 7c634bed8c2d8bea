/**
 * The listener: the one PostgreSQL connection that LISTENs, for all organizations (PostgreSQL manual, LISTEN). It is used for
 * nothing else, except to say what is watched, and for a query every ten seconds that finds a connection which is open on our
 * side alone. When it is lost, another is made, for ever, with backoff.
 */

import type postgres from "postgres";
import { backoff, wait, within } from "./backoff.ts";
import type { Source, SourceEvents } from "./hub/ports.ts";
import { organizationOf } from "./notification.ts";
import { type ChangeStream, type ChangeStreamOptions, openNotifyStream } from "./notify_stream.ts";

/** What a connection tells the listener, and is told. The first two are options of postgres.js. */
export interface ConnectionHooks {
  readonly onnotify: (channel: string, payload: string) => void;
  readonly onclose: () => void;
  /** Once it aborts the socket has to be closed at once, whether the other side answers or not. */
  readonly signal: AbortSignal;
}

/** What {@link createListener} needs. Times are in milliseconds. */
export interface ListenerOptions {
  /** Makes a client of exactly one connection, which opens with its first query. */
  readonly connect: (hooks: ConnectionHooks) => postgres.Sql;
  readonly events: SourceEvents;
  /** The liveness query, asked on each connection before anything else and then every so often. Default: `select 1`. */
  readonly probe?: (connection: postgres.Sql) => Promise<unknown>;
  /** How commits are heard on a connection that stands. Default {@link openNotifyStream}. */
  readonly openStream?: (options: ChangeStreamOptions) => ChangeStream;
  /** Further channels to listen to, on every connection. What they say comes by `onnotify` of the connection alone. */
  readonly channels?: readonly string[];
  /** Called each time the connection listens to all that it is to. */
  readonly onListening?: () => void;
  /** Called each time the connection stands. */
  readonly onConnected?: () => void;
  /** Called when a connection that stood does not answer any more; others to the same server may be as dead. */
  readonly onSilent?: () => void;
  /** Between two liveness queries. Default 10,000. */
  readonly probeInterval?: number;
  /** How long a query may take. Default 5,000. */
  readonly probeTimeout?: number;
  /** The wait after a number of failed tries. Default {@link backoff}. */
  readonly delay?: (attempt: number) => number;
}

/** How long a connection may take to end by itself, in milliseconds. */
const GRACE = 500;

/** See the module's comment. */
export interface Listener extends Source, AsyncDisposable {
  /** Whether the connection stands. */
  readonly connected: boolean;
  /** How often a connection was made. */
  readonly connections: number;
}

/** Starts a listener. It connects at once and never gives up; dispose of it to end it. */
export function createListener(options: ListenerOptions): Listener {
  const { connect, events, probeInterval = 10_000, probeTimeout = 5_000, delay = backoff } = options;
  const { channels = [], openStream = openNotifyStream } = options;
  const { probe = (connection) => connection`select 1`.simple() } = options;
  const stopping = new AbortController();
  const watched = new Set<number>();
  let stream: ChangeStream | null = null;
  let connected = false;
  let connections = 0;

  /** One connection, from its making to its loss. Rejects with the reason. */
  async function run(onConnected: () => void, onListening: () => void): Promise<never> {
    const over = new AbortController();
    const closed = new AbortController();
    const kill = new AbortController();
    let opened: ChangeStream | null = null;
    const connection = connect({
      onnotify(channel, payload) {
        const organizationId = organizationOf(channel);
        if (organizationId === null) return;
        opened?.heard(organizationId);
        events.notified(organizationId, payload);
      },
      onclose() {
        closed.abort();
        over.abort(new Error("The connection was closed"));
      },
      signal: kill.signal,
    });
    // So that nobody pays for what is watched no more; where it cannot be said any more, that ends by itself.
    const close = async () => void await opened?.[Symbol.asyncDispose]();
    let stopped: Promise<unknown> = Promise.resolve();
    const stop = () => {
      over.abort(stopping.signal.reason);
      // What is asked on the connection rejects then.
      const end = () => void connection.end({ timeout: 0 }).catch(() => {});
      stopped = Promise.race([close().catch(() => {}), wait(GRACE, closed.signal)]).then(end);
    };
    stopping.signal.addEventListener("abort", stop);
    try {
      await within(2 * probeTimeout, probe(connection), "No answer from PostgreSQL");
      over.signal.throwIfAborted();
      opened = openStream({ connection, events, onFailure: (reason) => over.abort(reason) });
      stream = opened;
      onConnected();
      for (const organizationId of watched) opened.watch(organizationId);
      const listening = channels.map((channel) => connection`listen ${connection(channel)}`.simple());
      await within(2 * probeTimeout, Promise.all([opened.ready(), ...listening]), "LISTEN timed out");
      onListening();
      for (;;) {
        await wait(probeInterval, over.signal);
        over.signal.throwIfAborted();
        await within(probeTimeout, Promise.all([probe(connection), opened.renew()]), () => {
          options.onSilent?.();
          return new Error("No answer to the liveness query");
        });
      }
    } finally {
      stopping.signal.removeEventListener("abort", stop);
      stream = null;
      if (!stopping.signal.aborted) close().catch(() => {});
      await stopped;
      // Kept from connecting again. What is still asked on it rejects, which nobody waits for any more.
      connection.end({ timeout: 0 }).catch(() => {});
      if (stopping.signal.aborted) await wait(GRACE, closed.signal);
      kill.abort();
      await wait(GRACE, closed.signal);
    }
  }

  const running = (async () => {
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      try {
        await run(
          () => {
            connected = true;
            connections++;
            options.onConnected?.();
          },
          () => {
            attempt = 0;
            options.onListening?.();
          },
        );
      } catch (error) {
        connected = false;
        if (stopping.signal.aborted) return;
        events.disconnected(error instanceof Error ? error.message : String(error));
      }
      await wait(delay(attempt), stopping.signal);
    }
  })();

  return {
    get connected() {
      return connected;
    },
    get connections() {
      return connections;
    },
    watch(organizationId) {
      watched.add(organizationId);
      // The next connection listens to all that is watched.
      stream?.watch(organizationId);
    },
    unwatch(organizationId) {
      watched.delete(organizationId);
      stream?.unwatch(organizationId);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("The listener was stopped"));
      await running;
    },
  };
}
