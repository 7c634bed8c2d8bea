import { define } from "../lib/define.ts";

export const handler = define.handlers({
  GET: (ctx) => ctx.redirect(`/logs/live${ctx.url.search}`),
});
