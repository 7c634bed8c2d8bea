import { callerOf } from "../../../lib/auth/caller.ts";
import { readEntries } from "../../../lib/body.ts";
import { define } from "../../../lib/define.ts";
import { parseFilter } from "../../../lib/filter.ts";
import { parseLogs } from "../../../lib/log_input.ts";
import { readHistory } from "../../../lib/log_store/history.ts";
import { insertLogs } from "../../../lib/log_store/insert.ts";
import { idParameter, organizationOf, wholeNumber } from "../../../lib/query.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export const handler = define.handlers({
  /** History, newest first. */
  async GET({ url: { searchParams }, state }) {
    const page = await readHistory(state.services.sql, {
      organizationId: organizationOf(searchParams, callerOf(state)),
      filter: parseFilter(searchParams),
      before: idParameter(searchParams, "before"),
      after: idParameter(searchParams, "after"),
      limit: wholeNumber(searchParams, "limit", { from: 1, to: 1000, otherwise: 100 }),
    });
    return Response.json(page, { headers: NO_STORE });
  },

  /** Stores one log or many, all or none. */
  async POST({ req, url: { searchParams }, state }) {
    const { sql, metrics } = state.services;
    const organizationId = organizationOf(searchParams, callerOf(state));
    const logs = parseLogs(await readEntries(req));
    const ids = await insertLogs(sql, organizationId, logs);
    metrics.ingested.inc(ids.length);
    return Response.json({ accepted: ids.length, ids }, { status: 201, headers: NO_STORE });
  },
});
