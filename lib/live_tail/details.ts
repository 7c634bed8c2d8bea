/** The whole of one log, fetched when a reader asks for it. */

import { type Signal, signal } from "@preact/signals";
import { isLevel, type WholeLog } from "../log.ts";
import { readProblem } from "./answer.ts";

/** What the details show. */
export type Details =
  | { readonly kind: "loading"; readonly id: number }
  | { readonly kind: "failed"; readonly id: number; readonly message: string }
  | { readonly kind: "loaded"; readonly id: number; readonly log: WholeLog };

/** The log that a reader has opened. */
export interface OpenedLog {
  readonly details: Signal<Details | null>;
  /** Parameters as in {@link fetchDetails}. */
  load(id: number, organizationId: string | null): Promise<void>;
  hide(): void;
}

/** Nothing is open. */
export function createOpenedLog(): OpenedLog {
  const details = signal<Details | null>(null);
  let fetching: AbortController | null = null;
  return {
    details,
    async load(id, organizationId) {
      fetching?.abort();
      const asking = new AbortController();
      fetching = asking;
      details.value = { kind: "loading", id };
      const answer = await fetchDetails(id, organizationId, asking.signal);
      if (!asking.signal.aborted) details.value = answer;
    },
    hide() {
      fetching?.abort();
      details.value = null;
    },
  };
}

/**
 * Fetches a log. Never rejects: what goes wrong becomes `failed`, with the server's words where it has any.
 *
 * @param organizationId as in the page's query string, if it is there
 */
export async function fetchDetails(
  id: number,
  organizationId: string | null,
  signal: AbortSignal,
): Promise<Details> {
  try {
    const response = await fetch(logPath(id, organizationId), {
      signal,
      headers: { accept: "application/json" },
    });
    const body = await response.text();
    if (!response.ok) {
      const message = response.status === 404
        ? "This log is no longer in the database"
        : readProblem(body)?.message ?? `The server answered ${response.status}`;
      return { kind: "failed", id, message };
    }
    const log = readWholeLog(body);
    return log === null
      ? { kind: "failed", id, message: "The server's answer is not a log" }
      : { kind: "loaded", id, log };
  } catch {
    return { kind: "failed", id, message: "The server cannot be reached" };
  }
}

/** Where the server has a log. Parameters as in {@link fetchDetails}. */
export function logPath(id: number, organizationId: string | null): string {
  return `/api/logs/${id}${organizationId === null ? "" : `?${new URLSearchParams({ organizationId })}`}`;
}

/** The permanent link to a log among those before and after it. Parameters as in {@link fetchDetails}. */
export function logLink(origin: string, id: number, organizationId: string | null): string {
  return `${origin}/logs/${id}${
    organizationId === null ? "" : `?${new URLSearchParams({ organizationId })}`
  }`;
}

/** Reads a whole log from JSON, `null` where it is none. */
export function readWholeLog(body: string): WholeLog | null {
  try {
    const log = JSON.parse(body) as Partial<WholeLog> | null;
    if (typeof log?.id !== "number" || typeof log.message !== "string" || typeof log.service !== "string") {
      return null;
    }
    if (typeof log.timestamp !== "string" || !isLevel(String(log.level))) return null;
    return { ...log, metadata: log.metadata ?? null } as WholeLog;
  } catch {
    return null;
  }
}
