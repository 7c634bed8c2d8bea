import { databaseOf } from "../../../lib/access.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { readJson } from "../../../lib/body.ts";
import { define } from "../../../lib/define.ts";
import { parseViewChange } from "../../../lib/view_input.ts";
import { deleteView, noSuchView, updateView } from "../../../lib/view_store.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export const handler = define.handlers({
  /** Changes a view: what is absent stays. */
  async PUT(ctx) {
    const { req, params, url: { searchParams }, state } = ctx;
    const { config, limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    const id = idOf(params.id);
    const change = { id, ...parseViewChange(await readJson(req, config), config) };
    const saved = await limits.work(
      clientOf(ctx),
      () => updateView(db, organizationId, change),
      req.signal,
    );
    return Response.json(saved, { headers: NO_STORE });
  },

  /** Deletes a view. */
  async DELETE(ctx) {
    const { req, params, url: { searchParams }, state } = ctx;
    const { limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    const id = idOf(params.id);
    await limits.work(clientOf(ctx), () => deleteView(db, organizationId, id), req.signal);
    return new Response(null, { status: 204, headers: NO_STORE });
  },
});

function idOf(text: string | undefined): number {
  if (!/^\d{1,15}$/u.test(text ?? "")) throw noSuchView();
  return Number(text);
}
