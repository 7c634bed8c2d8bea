import { databaseOf } from "../../../lib/access.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { define } from "../../../lib/define.ts";
import { filterKey } from "../../../lib/filter.ts";
import { readRate } from "../../../lib/log_store/rate.ts";
import { readFilter } from "../../../lib/match.ts";
import { readRateRange } from "../../../lib/rate_range.ts";

export const handler = define.handlers({
  /** How many logs there were, by level and time. */
  async GET(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { answers: { rates }, config, limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const filter = readFilter(searchParams, config);
    const query = { organizationId, filter, ...readRateRange(searchParams, Date.now()) };
    const db = databaseOf(sql, caller, organizationId);
    // By whom it may be seen, too: an answer that came through one wall is for nobody behind another.
    const key = [db.scope, organizationId, query.from, query.step, query.buckets, filterKey(filter)].join(
      " ",
    );
    const ask = () => rates.ask(key, () => readRate(db, query));
    const found = await (rates.known(key) ?? limits.work(clientOf(ctx), ask, req.signal));
    return Response.json(found, { headers: { "Cache-Control": "no-store" } });
  },
});
