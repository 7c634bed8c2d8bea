import { define } from "../lib/define.ts";

export const handler = define.handlers({
  /** For Prometheus. */
  async GET({ state }) {
    const { metrics } = state.services;
    return new Response(await metrics.text(), {
      headers: { "Content-Type": metrics.contentType, "Cache-Control": "no-store" },
    });
  },
});
