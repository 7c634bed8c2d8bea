import { databaseOf } from "../../../lib/access.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { define } from "../../../lib/define.ts";
import { readValues } from "../../../lib/log_store/values.ts";

export const handler = define.handlers({
  /** What the newest logs hold, to choose from. */
  async GET(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { answers: { values }, limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    // By whom it may be seen, too: an answer that came through one wall is for nobody behind another.
    const key = `${db.scope} ${organizationId}`;
    const ask = () => values.ask(key, () => readValues(db, organizationId));
    const found = await (values.known(key) ?? limits.work(clientOf(ctx), ask, req.signal));
    return Response.json(found, { headers: { "Cache-Control": "no-store" } });
  },
});
