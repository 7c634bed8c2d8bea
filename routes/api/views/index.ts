import { databaseOf } from "../../../lib/access.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { readJson } from "../../../lib/body.ts";
import { define } from "../../../lib/define.ts";
import { parseView } from "../../../lib/view_input.ts";
import { insertView, listViews } from "../../../lib/view_store.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export const handler = define.handlers({
  /** The saved views of an organization, by name. */
  async GET(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    const views = await limits.work(clientOf(ctx), () => listViews(db, organizationId), req.signal);
    return Response.json({ views }, { headers: NO_STORE });
  },

  /** Saves a view. */
  async POST(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { config, limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    const view = { ...parseView(await readJson(req, config), config), createdBy: caller.name };
    const saved = await limits.work(
      clientOf(ctx),
      () => insertView(db, organizationId, view),
      req.signal,
    );
    return Response.json(saved, { status: 201, headers: NO_STORE });
  },
});
