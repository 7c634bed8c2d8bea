/** The view that a page opens with. */

import type { Context } from "fresh";
import { databaseOf } from "./access.ts";
import { callerOf } from "./auth/caller.ts";
import { clientOf } from "./auth/client.ts";
import { within } from "./backoff.ts";
import type { State } from "./define.ts";
import { readDefaultQuery } from "./view_store.ts";

/** How long a page waits for it, in milliseconds. */
const PATIENCE = 1000;

/**
 * The query of the default view of the organization that a page is about, `null` where there is none. Never fails: a page comes without it
 * where the database is away or slow.
 */
export async function defaultQueryOf(ctx: Context<State>): Promise<string | null> {
  const { req, url: { searchParams }, state } = ctx;
  const { limits, organizationOf, sql } = state.services;
  const giveUp = new AbortController();
  try {
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const ask = () => readDefaultQuery(databaseOf(sql, caller, organizationId), organizationId);
    const signal = AbortSignal.any([req.signal, giveUp.signal]);
    return await within(
      PATIENCE,
      limits.work(clientOf(ctx), ask, signal),
      () => new Error("The database did not answer in time"),
    );
  } catch {
    return null;
  } finally {
    giveUp.abort();
  }
}
