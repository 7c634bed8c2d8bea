import { define } from "../../state.ts";

export const handler = define.handlers({ GET: (ctx) => new Response(ctx.params.path ?? "") });
