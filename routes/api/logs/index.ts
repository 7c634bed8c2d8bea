import { databaseOf } from "../../../lib/access.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { readEntries } from "../../../lib/body.ts";
import { define } from "../../../lib/define.ts";
import { readColumns } from "../../../lib/field_columns.ts";
import { parseLogs } from "../../../lib/log_input.ts";
import { ApiError } from "../../../lib/api_error.ts";
import { readHistory } from "../../../lib/log_store/history.ts";
import { placeOf } from "../../../lib/log_store/place.ts";
import { readFilter } from "../../../lib/match.ts";
import { idParameter, wholeNumber } from "../../../lib/query.ts";
import { timeParameter } from "../../../lib/time_parameter.ts";

const NO_STORE = { "Cache-Control": "no-store" };

export const handler = define.handlers({
  /** History, newest first unless told otherwise. */
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
      order: orderOf(searchParams),
    };
    const at = timeParameter(searchParams, "at");
    const db = databaseOf(sql, caller, query.organizationId);
    const read = async () => {
      if (at === null) return await readHistory(db, query);
      const place = await placeOf(db, query.organizationId, at);
      return await readHistory(
        db,
        query.order === "asc"
          ? { ...query, after: Math.max(query.after ?? 0, place - 1) }
          : { ...query, before: Math.min(query.before ?? place, place) },
      );
    };
    const page = await limits.work(clientOf(ctx), read, req.signal);
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

function orderOf(params: URLSearchParams): "asc" | "desc" {
  const order = params.get("order") || "desc";
  if (order === "asc" || order === "desc") return order;
  throw new ApiError(400, "bad_parameter", "order takes asc or desc");
}
