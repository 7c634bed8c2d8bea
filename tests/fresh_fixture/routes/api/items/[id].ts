import { HttpError } from "fresh";
import { define } from "../../../state.ts";

export const handler = define.handlers({
  GET(ctx) {
    if (ctx.params.id === "gone") throw new HttpError(410, "It was here yesterday");
    return Response.json({ id: ctx.params.id, route: ctx.route, trail: ctx.state.trail });
  },
  async POST(ctx) {
    return Response.json({ posted: await ctx.req.json() }, { status: 201 });
  },
});
