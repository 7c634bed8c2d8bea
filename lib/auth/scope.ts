/** What tokens are good for. Imports nothing, so that components may have it. */

/** Reading, sending, or everything in every organization. */
export type Scope = "read" | "ingest" | "admin";

/** All scopes. */
export const SCOPES: readonly Scope[] = ["read", "ingest", "admin"];
