/** Logs of the past, fetched when a reader asks for them. */

import { readProblem } from "./answer.ts";
import { logOf, parse } from "./events.ts";
import { FILL, type Found, type IdRange } from "./fill.ts";

/** A filter that PostgreSQL cannot decide gives short pages: so many of them are read for one answer. */
const MOST_PAGES = 20;

/** Asked for at a time: some of them may be in the list already. */
const LIMIT = FILL + 50;

/**
 * Fetches the newest logs of a range, or the oldest (`order: "asc"`), at most {@link FILL}.
 *
 * @param params the filter and the organization
 * @throws {Error} with what a person should read
 */
export async function fetchHistory(
  params: URLSearchParams,
  range: IdRange,
  { most, known, signal, order = "desc" }: {
    most: number;
    known: ReadonlySet<number>;
    signal: AbortSignal;
    order?: "asc" | "desc";
  },
): Promise<Found> {
  const wanted = Math.min(most, FILL);
  const logs: Found["logs"][number][] = [];
  let { before, after } = range;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = new URLSearchParams(params);
    query.set("limit", String(LIMIT));
    if (before !== null) query.set("before", String(before));
    if (after !== null) query.set("after", String(after));
    if (order === "asc") query.set("order", order);
    const { logs: found, next } = await ask(`/api/logs?${query}`, signal);
    logs.push(...found.filter(({ id }) => !known.has(id)));
    if (logs.length >= wanted) return { logs: logs.slice(0, wanted), isAll: false };
    if (next === null) return { logs, isAll: true };
    if (order === "asc") after = next;
    else before = next;
  }
  return { logs, isAll: false };
}

async function ask(url: string, signal: AbortSignal): Promise<{ logs: Found["logs"]; next: number | null }> {
  const response = await fetch(url, { signal, headers: { accept: "application/json" } }).catch(() => null);
  signal.throwIfAborted();
  if (!response) throw new Error("The server cannot be reached");
  const body = await response.text();
  if (!response.ok) throw new Error(readProblem(body)?.message ?? `The server answered ${response.status}`);
  const page = parse(body);
  if (!Array.isArray(page?.logs)) throw new Error("The server's answer is not a page of logs");
  return {
    logs: page.logs.flatMap((log: Record<string, unknown> | null) => logOf(log) ?? []),
    next: typeof page.next === "number" ? page.next : null,
  };
}
