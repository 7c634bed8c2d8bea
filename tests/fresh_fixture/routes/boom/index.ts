import { HttpError } from "fresh";
import { define } from "../../state.ts";

export const handler = define.handlers((ctx) => {
  if (ctx.url.searchParams.has("status")) throw new HttpError(409, "in conflict");
  throw new Error("a secret");
});
