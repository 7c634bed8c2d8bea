import { ApiError } from "../../../lib/api_error.ts";
import { callerOf } from "../../../lib/auth/caller.ts";
import { clientOf } from "../../../lib/auth/client.ts";
import { CursorError, parseCursor } from "../../../lib/cursor.ts";
import { define } from "../../../lib/define.ts";
import { readColumns } from "../../../lib/field_columns.ts";
import { readFilter } from "../../../lib/match.ts";
import { wholeNumber } from "../../../lib/query.ts";

const HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};

export const handler = define.handlers({
  /** The live tail, as Server-Sent Events. */
  async GET(ctx) {
    const { req, url: { searchParams }, state } = ctx;
    // A browser that reconnects repeats its first URL: the header is the newer of the two.
    const since = req.headers.get("last-event-id") || searchParams.get("lastEventId") || null;
    if (since !== null) {
      parseCursor(since);
      if (await state.services.isForeign(since)) {
        throw new CursorError(
          "The cursor is ahead of this database: it is of another one, or of a state that was lost",
        );
      }
    }
    const { access, hub, limits, organizationOf } = state.services;
    const caller = callerOf(state);
    const subscription = {
      organizationId: organizationOf(searchParams, caller),
      filter: readFilter(searchParams, state.services.config),
      columns: readColumns(searchParams),
      tail: wholeNumber(searchParams, "tail", { from: 0, to: 1000, otherwise: 0 }),
      since,
      ...caller.until,
    };
    if (!await access.mayWatch(caller, subscription.organizationId)) {
      throw new ApiError(
        403,
        "forbidden",
        `There is no organization ${subscription.organizationId} that you may see`,
      );
    }
    const onEnd = limits.viewer(clientOf(ctx));
    try {
      return new Response(hub.subscribe({ ...subscription, onEnd }), { headers: HEADERS });
    } catch (error) {
      onEnd();
      throw error;
    }
  },
});
