import { define } from "../../state.ts";

export const handler = define.middleware((ctx) => {
  ctx.state.trail.push("api");
  return ctx.next();
});
