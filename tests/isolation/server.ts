/**
 * The program for the isolation scan: `serve` with the routes' own check of the organization taken away where
 * ISOLATION_CHECKS is `off`. What is left then is the database's wall, if DATABASE_URL is of a role that has one.
 */

import { parseArgs } from "node:util";
import { serve } from "../../lib/cli/serve.ts";
import { readConfig } from "../../lib/config.ts";
import type { ServicesOptions } from "../../lib/services.ts";

/** A check that was forgotten: whoever asks for an organization gets it. */
const forgotten: Required<Pick<ServicesOptions, "organizationOf">> = {
  organizationOf: (params, caller) => Number(params.get("organizationId")) || (caller.organizationId ?? 1),
};

const { values } = parseArgs({
  args: Deno.args.slice(1),
  options: { auth: { type: "string" }, port: { type: "string" } },
});
await serve(readConfig(values), Deno.env.get("ISOLATION_CHECKS") === "off" ? forgotten : {});
Deno.exit(0);
