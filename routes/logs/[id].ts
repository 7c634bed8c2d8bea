import { define } from "../../lib/define.ts";

export const handler = define.handlers({
  /** The permanent link to a log: the page with its details, among the logs before and after it. */
  GET(ctx) {
    const { params: { id = "" }, url } = ctx;
    if (!/^[1-9]\d{0,15}$/u.test(id)) return ctx.next();
    const query = new URLSearchParams(url.search);
    query.set("log", id);
    query.set("at", "log");
    return ctx.redirect(`/logs/live?${query}`);
  },
});
