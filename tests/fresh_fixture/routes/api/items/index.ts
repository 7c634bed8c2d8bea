import { define } from "../../../state.ts";

// deno-lint-ignore fresh-handler-export
export const handlers = define.handlers((ctx) => new Response(`${ctx.req.method} ${ctx.route}`));
