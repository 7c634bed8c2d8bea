import { databaseOf } from "../../../lib/access.ts";
import { ApiError } from "../../../lib/api_error.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { define } from "../../../lib/define.ts";
import { readLog } from "../../../lib/log_store/history.ts";

export const handler = define.handlers({
  /** One log, whole. */
  async GET(ctx) {
    const { req, params, url, state } = ctx;
    const { limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(url.searchParams, caller);
    const db = databaseOf(sql, caller, organizationId);
    const client = clientOf(ctx);
    const id = /^\d{1,16}$/u.test(params.id ?? "") ? Number(params.id) : null;
    const log = id === null
      ? null
      : await limits.work(client, () => readLog(db, organizationId, id), req.signal);
    if (!log) throw new ApiError(404, "not_found", "There is no such log");
    return Response.json(log, { headers: { "Cache-Control": "no-store" } });
  },
});
