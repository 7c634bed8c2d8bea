import { ApiError } from "../lib/api_error.ts";
import { define } from "../lib/define.ts";

export const handler = define.handlers({
  /** Queries and the listener work. */
  async GET({ state }) {
    const reason = await state.services.notReady();
    if (reason !== null) throw new ApiError(503, "not_ready", reason);
    return Response.json({ status: "ready" }, { headers: { "Cache-Control": "no-store" } });
  },
});
