import { App, csp, staticFiles } from "fresh";
import type { State } from "./state.ts";

/** The app that the contract test builds: whatever it does, it does through file routes. */
export const app = new App<State>()
  .use(csp({ useNonce: true, csp: ["script-src 'self' 'unsafe-inline'"] }))
  .use(staticFiles())
  .fsRoutes();
