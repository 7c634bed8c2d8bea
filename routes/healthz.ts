import { define } from "../lib/define.ts";

export const handler = define.handlers({
  /** The process lives. */
  GET: () => Response.json({ status: "ok" }, { headers: { "Cache-Control": "no-store" } }),
});
