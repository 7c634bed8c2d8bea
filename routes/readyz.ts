import { ApiError } from "../lib/api_error.ts";
import { isNearby } from "../lib/auth/nearby.ts";
import { define } from "../lib/define.ts";

export const handler = define.handlers({
  /** Queries and the listener work, and nothing is wrong with the database. What is wrong is not told to strangers. */
  async GET({ req, info, state }) {
    const problem = await state.services.notReady();
    if (problem === null) {
      return Response.json({ status: "ready" }, { headers: { "Cache-Control": "no-store" } });
    }
    if (state.caller || isNearby(req, info)) throw new ApiError(503, problem.code, problem.message);
    throw new ApiError(503, "not_ready", "Not ready: the server's log and whoever is signed in can tell why");
  },
});
