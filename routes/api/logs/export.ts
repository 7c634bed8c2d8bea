import { databaseOf } from "../../../lib/access.ts";
import { ApiError } from "../../../lib/api_error.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { define } from "../../../lib/define.ts";
import { exportStream, type Format, FORMATS, MEDIA_TYPES } from "../../../lib/log_export.ts";
import { planExport, readExport } from "../../../lib/log_store/export.ts";
import { readFilter } from "../../../lib/match.ts";
import { timeParameter } from "../../../lib/time_parameter.ts";

export const handler = define.handlers({
  /** All logs of a filter and a range of time, as a file. */
  async GET(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    const { config, limits, organizationOf, sql } = state.services;
    const caller = callerOf(state);
    const organizationId = organizationOf(searchParams, caller);
    const format = formatOf(searchParams);
    const [from, to] = [timeParameter(searchParams, "from"), timeParameter(searchParams, "to")];
    if (from !== null && to !== null && from >= to) {
      throw new ApiError(400, "bad_parameter", "from must be before to");
    }
    const query = { organizationId, filter: readFilter(searchParams, config), from, to };
    const db = databaseOf(sql, caller, organizationId);
    const client = clientOf(ctx);
    const onEnd = limits.export(client);
    try {
      const plan = await limits.work(client, () => planExport(db, query), req.signal);
      const body = exportStream(format, {
        read: (after) => limits.work(client, () => readExport(db, plan, after), req.signal),
        onEnd,
      });
      return new Response(body, {
        headers: {
          "Content-Type": MEDIA_TYPES[format],
          "Content-Disposition": `attachment; filename="tailpost-${organizationId}-${
            nameOf(new Date())
          }.${format}"`,
          // Sent as it is read: nothing is to collect it.
          "Cache-Control": "no-store, no-transform",
          "X-Accel-Buffering": "no",
          "X-First-Id": String(plan.first),
          "X-Last-Id": String(plan.last),
        },
      });
    } catch (error) {
      onEnd();
      throw error;
    }
  },
});

function formatOf(params: URLSearchParams): Format {
  const format = params.get("format") || FORMATS[0];
  const found = FORMATS.find((each) => each === format);
  if (!found) throw new ApiError(400, "bad_parameter", `format takes ${FORMATS.join(" or ")}`);
  return found;
}

/** `20260131T120000Z` */
function nameOf(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/gu, "");
}
