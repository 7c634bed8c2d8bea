/** What is refused because there is too much of it, and why: the one list of reasons, for answers and metrics. Pure. */

/** Why something was refused: the label `reason` of `tailpost_refused_total`. */
export const REASONS = [
  "body_size",
  "body_memory",
  "body_time",
  "batch_size",
  "message_size",
  "ingest_rate",
  "viewers",
  "viewers_of_token",
  "viewers_of_address",
  "queue_full",
  "queue_time",
  "query_time",
  "query_string",
  "filter",
  "exports",
  "sign_in",
  "connections",
  "header_time",
  "stream_resets",
] as const;

/** One of {@link REASONS}. */
export type Reason = (typeof REASONS)[number];

/** How a refusal is answered. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** For whoever asked: what the bound is, and what to do. */
  readonly message: string;
  /** Whole seconds until it is worth while to try again; absent where that changes nothing. */
  readonly retryAfter?: number;
}

/** Something is over its bound. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** `reason` is null where nobody is left to be refused. */
  constructor(readonly reason: Reason | null, readonly refusal: Refusal) {
    super(refusal.message);
  }
}

/** Milliseconds as the whole seconds of a `Retry-After`, at least one. */
export function retryAfter(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
