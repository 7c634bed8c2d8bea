import { ApiError } from "../lib/api_error.ts";
import { define } from "../lib/define.ts";

export const handler = define.handlers({
  /** Queries and the listener work, and nothing is wrong with the database. */
  async GET({ state }) {
    const problem = await state.services.notReady();
    if (problem !== null) throw new ApiError(503, problem.code, problem.message);
    return Response.json({ status: "ready" }, { headers: { "Cache-Control": "no-store" } });
  },
});
