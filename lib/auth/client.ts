/** How a request came here. */

import type { Context } from "fresh";
import type { State } from "../define.ts";

/** Whether it came over TLS, as far as can be known: cookies are marked by it. */
export function isSecure({ url }: Context<State>): boolean {
  return url.protocol === "https:";
}
