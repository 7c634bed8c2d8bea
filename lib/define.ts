/** Routes with the state that every request carries. */

import { createDefine } from "fresh";
import type { Caller } from "./auth/caller.ts";
import type { Services } from "./services.ts";

/** What the middleware in main.ts puts on every request. */
export interface State {
  services: Services;
  /** Who asks; null for a stranger, whom only few paths let in (lib/auth/policy.ts). */
  caller: Caller | null;
}

/** `define.handlers`, `define.page` and `define.middleware`, typed for {@link State}. */
export const define = createDefine<State>();
