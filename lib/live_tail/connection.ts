/** Where the connection to the stream stands, and how the page says so. Pure. */

import type { DatabaseStatus } from "../sse.ts";
import type { Problem } from "./view.ts";

/**
 * The state of the connection. `isHeldBack`: the server answers, and what it writes to the stream does not come through; something
 * between collects it.
 */
export type Connection =
  & { readonly isHeldBack?: boolean }
  & (
    /** The first answer is awaited. */
    | { readonly phase: "connecting" }
    /** The server streams. Logs come only while its database is connected. */
    | ({ readonly phase: "live" } & DatabaseStatus)
    /**
     * The connection was lost and is being made again: at `retryAt` (epoch milliseconds), or when the browser sees fit,
     * which it tells nobody (`null`). `reason` is what the server answered, where it did.
     */
    | { readonly phase: "reconnecting"; readonly retryAt: number | null; readonly reason: string | null }
    /** The server will not stream this (4xx). Trying again would change nothing. */
    | { readonly phase: "refused"; readonly status: number; readonly problem: Problem }
    /** Another tab has its place, until this one is looked at again. */
    | { readonly phase: "resting" }
  );

/** How a connection is shown. */
export interface Chip {
  readonly tone: "waiting" | "good" | "warning" | "bad";
  /** Without numbers that change: this is what a screen reader is told. */
  readonly label: string;
  /** Seconds to the next attempt, shown behind the label. */
  readonly seconds: number | null;
  /** What more there is to know, as a hint. */
  readonly hint: string;
  /** Whether a click tries again at once. */
  readonly retry: boolean;
  /** Whether the time since the last log belongs beside it. */
  readonly isLive: boolean;
}

/** Short names of what may be wrong with a database that answers (lib/database_state.ts). */
const PROBLEMS: Readonly<Record<string, string>> = {
  standby: "Standby database",
  pooler: "Behind a pooler",
  no_table: "No table logs",
  no_privilege: "Not permitted",
  trigger_missing: "No trigger",
  trigger_disabled: "Trigger disabled",
  trigger_altered: "Trigger altered",
  queue_full: "Queue full",
  queue_filling: "Queue fills up",
  foreign_logs: "Migrate needed",
  wal_level: "No logical WAL",
  no_replication: "May not replicate",
  publication: "Publication altered",
  slots_full: "No slot is free",
};

/** Said where {@link Connection.isHeldBack}. */
export const HELD_BACK = "Buffered by a proxy";
const HELD_BACK_HINT =
  "The server answers, but its stream does not come through: a proxy between collects it. See how to mend that.";

/** What the chip shows at the time `now`, in epoch milliseconds. `online` is the browser's own view of the network. */
export function chipOf(connection: Connection, online: boolean, now: number): Chip {
  if (!online) {
    return chip("bad", "Offline", "This device has no network. Logs resume by themselves once it is back.");
  }
  if (connection.isHeldBack) return { ...chip("warning", HELD_BACK, HELD_BACK_HINT), retry: true };
  switch (connection.phase) {
    case "connecting":
      return chip("waiting", "Connecting", "Waiting for the server's first answer.");
    case "live":
      if (connection.problem) {
        const { code, message } = connection.problem;
        return chip("warning", PROBLEMS[code] ?? "Database problem", message);
      }
      return connection.database === "connected"
        ? { ...chip("good", "Live", "Logs appear as soon as their transaction commits."), isLive: true }
        : chip(
          "warning",
          "Database reconnecting",
          "The server lost PostgreSQL and is reconnecting. No log is lost.",
        );
    case "reconnecting": {
      const { retryAt, reason } = connection;
      const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
      return {
        ...chip("warning", "Reconnecting", `${reason ?? "The connection was lost"}. Click to try now.`),
        seconds: seconds > 0 ? seconds : null,
        retry: true,
      };
    }
    case "resting":
      return {
        ...chip(
          "waiting",
          "Resting",
          "Other tabs have the few connections that browsers open over HTTP/1.1. Looked at, this one goes on where it stopped.",
        ),
        retry: true,
      };
    case "refused":
      return { ...chip("bad", refusal(connection.status), connection.problem.message), retry: true };
  }
}

function refusal(status: number): string {
  if (status === 401) return "Signed out";
  if (status === 403) return "Not allowed";
  return "Not streaming";
}

function chip(tone: Chip["tone"], label: string, hint: string): Chip {
  return { tone, label, seconds: null, hint, retry: false, isLive: false };
}
