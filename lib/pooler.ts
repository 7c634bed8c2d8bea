/**
 * Finds out whether LISTEN works on a connection. Behind a pooler in transaction mode it does not: the pooler takes LISTEN for any
 * other statement, lets some connection of its own listen, and hands what that hears to nobody.
 */

import type postgres from "postgres";
import { within } from "./backoff.ts";

/** How long a notification may take, in milliseconds. */
const ROUND_TRIP = 2000;

/** What {@link hears} needs. */
export interface RoundTrip {
  /** Sends a NOTIFY on a channel from another connection, made in the same way. */
  readonly notify: (channel: string) => Promise<unknown>;
  /** Calls back when the connection is notified on a channel; the result takes that back. */
  readonly on: (channel: string, heard: () => void) => () => void;
  /** Default: 2 seconds. */
  readonly timeout?: number;
}

/**
 * Whether what another session announces arrives on a connection that listens. To be asked only of connections whose backend is not
 * the one that they were told of, which is what a pooler does in any mode: a direct one hears.
 */
export async function hears(connection: postgres.Sql, { notify, on, timeout }: RoundTrip): Promise<boolean> {
  const channel = `tailpost_probe_${crypto.randomUUID().replaceAll("-", "")}`;
  const heard = Promise.withResolvers<void>();
  const off = on(channel, heard.resolve);
  try {
    await connection`listen ${connection(channel)}`.simple();
    await notify(channel);
    return await within(timeout ?? ROUND_TRIP, heard.promise, "Nothing was heard")
      .then(() => true, () => false);
  } finally {
    off();
    connection`unlisten ${connection(channel)}`.simple().catch(() => {});
  }
}
