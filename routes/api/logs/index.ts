import { databaseOf } from "../../../lib/access.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { readEntries } from "../../../lib/body.ts";
import { define } from "../../../lib/define.ts";
import { readColumns } from "../../../lib/field_columns.ts";
import { parseLogs } from "../../../lib/log_input.ts";
import { readHistory } from "../../../lib/log_store/history.ts";
import { readFilter } from "../../../lib/match.ts";
import { idParameter, wholeNumber } from "../../../lib/query.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export const handler = define.handlers({
  /** History, newest first. */
  async GET(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const query = {
      organizationId: organizationOf(searchParams, caller),
      filter: readFilter(searchParams, state.services.config),
      columns: readColumns(searchParams),
      before: idParameter(searchParams, "before"),
      after: idParameter(searchParams, "after"),
      limit: wholeNumber(searchParams, "limit", { from: 1, to: 1000, otherwise: 100 }),
    };
    const db = databaseOf(sql, caller, query.organizationId);
    const page = await limits.work(clientOf(ctx), () => readHistory(db, query), req.signal);
    return Response.json(page, { headers: NO_STORE });
  },

  /** Stores one log or many, all or none. */
  async POST(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { config, ingest, limits, metrics, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    const client = clientOf(ctx);
    // Before the body: what cannot be taken needs no reading.
    limits.mayIngest(client);
    using room = limits.room();
    const logs = parseLogs(await readEntries(req, config, room), config);
    limits.ingest(client, logs.length);
    const ids = await ingest.store(client, { db, organizationId, logs, signal: req.signal });
    metrics.ingested.inc(ids.length);
    return Response.json({ accepted: ids.length, ids }, { status: 201, headers: NO_STORE });
  },
});
