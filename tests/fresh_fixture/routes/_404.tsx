import { HttpError } from "fresh";
import { define } from "../state.ts";

export const handler = define.handlers({
  GET: (ctx) =>
    ctx.render(<h1>nothing at {ctx.url.pathname}</h1>, {
      status: ctx.error instanceof HttpError ? ctx.error.status : 500,
    }),
});
