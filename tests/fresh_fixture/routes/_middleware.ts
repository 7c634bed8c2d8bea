import { define } from "../state.ts";

export default define.middleware([
  async (ctx) => {
    ctx.state.trail = ["root"];
    const res = await ctx.next();
    res.headers.set("x-trail", ctx.state.trail.join());
    return res;
  },
  (ctx) => {
    ctx.state.trail.push("second");
    return ctx.next();
  },
]);
