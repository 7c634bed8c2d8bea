/** What the newest logs hold, fetched when somebody is about to choose from it. */

import { type Signal, signal } from "@preact/signals";
import { type KnownValues, NOTHING_KNOWN } from "./completion.ts";
import { parse } from "./events.ts";

/** How long an answer counts as new, and how long one is waited for, in milliseconds. */
const [FRESH, PATIENCE] = [10_000, 5000];

/** Values to choose from. */
export interface Known {
  readonly values: Signal<KnownValues>;
  /** Asks the server, unless it has just answered. Without an answer all stays as it is. */
  ask(organizationId: string | null): void;
}

/** Nothing is asked for yet. */
export function createKnownValues(): Known {
  const values = signal(NOTHING_KNOWN);
  let asked: { readonly of: string | null; readonly at: number } | null = null;
  return {
    values,
    ask(organizationId) {
      if (asked?.of === organizationId && performance.now() - asked.at < FRESH) return;
      asked = { of: organizationId, at: performance.now() };
      const query = organizationId === null ? "" : `?${new URLSearchParams({ organizationId })}`;
      fetch(`/api/logs/values${query}`, { signal: AbortSignal.timeout(PATIENCE) })
        .then((response) => response.ok ? response.text() : "")
        .then((body) => values.value = readKnown(body) ?? values.value)
        .catch(() => asked = null);
    },
  };
}

/** Reads an answer, `null` where it is none. */
export function readKnown(body: string): KnownValues | null {
  const { levels, services, metadata } = parse(body) ?? {};
  if (typeof levels !== "object" || levels === null) return null;
  if (!Array.isArray(services) || !Array.isArray(metadata)) return null;
  return { levels, services, metadata } as KnownValues;
}
