/** The program. Importing this opens nothing; run, it reads the command line. */

import { App, staticFiles } from "fresh";
import { apiErrors } from "./lib/api_errors.ts";
import { authenticate } from "./lib/auth/authenticate.ts";
import { runCommandLine } from "./lib/cli/mod.ts";
import { cors, csrfButForCors } from "./lib/cors.ts";
import { boundQuery } from "./lib/query_bound.ts";
import { contentPolicy, securityHeaders } from "./lib/security_headers.ts";
import type { State } from "./lib/define.ts";
import { services } from "./lib/services.ts";

/** The web application, for Fresh's builder and for the built server. */
export const app = new App<State>()
  .use((ctx) => {
    ctx.state.services = services();
    return ctx.next();
  })
  .use(securityHeaders)
  .use(contentPolicy)
  .use(staticFiles())
  .use(cors)
  .use(apiErrors)
  .use(boundQuery)
  .use(csrfButForCors)
  .use(authenticate)
  .fsRoutes();

// Not awaited: the built server imports this module, and waits until it is evaluated.
if (import.meta.main) void runCommandLine(Deno.args);
