import { define } from "../../../state.ts";

export const handler = define.handlers({ GET: () => new Response("the latest") });
