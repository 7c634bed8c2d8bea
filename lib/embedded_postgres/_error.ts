/** What went wrong, for programs. */
export type EmbeddedPostgresErrorCode =
  /** No PostgreSQL for this operating system and processor, or its programs do not run here. */
  | "unsupported_platform"
  /** Another live Tailpost, or a PostgreSQL that Tailpost did not start, uses the data directory. */
  | "in_use"
  /** The data directory was made by another major version of PostgreSQL. */
  | "version_mismatch"
  /** The data directory cannot be used by the account that PostgreSQL runs as. */
  | "not_accessible"
  /** Making the cluster failed. */
  | "initdb_failed"
  /** PostgreSQL did not start. */
  | "start_failed"
  /** PostgreSQL was not ready, or not down, in time. */
  | "timeout"
  /** PostgreSQL stopped by itself more often than it is started again. */
  | "crashed";

/** Says what failed and what to do about it. */
export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";

  constructor(readonly code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
