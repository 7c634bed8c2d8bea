/** Errors as HTTP answers: the one place where an error becomes a status. */

import { HttpError } from "fresh";
import { CursorError } from "./cursor.ts";
import { isAway, isQueryTimeout } from "./database.ts";
import { FilterError, FilterTooLargeError } from "./filter.ts";
import { HubFullError } from "./hub.ts";
import { type Reason, RefusedError } from "./limits.ts";
import { InputError, type InputProblem } from "./log_input.ts";

/** An error whose message may be shown to whoever asked. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(readonly status: number, readonly code: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What the body of an error answer holds, besides `code` and `message`. */
export type ErrorDetail = Partial<InputProblem> & { readonly message: string };

const CODES: Readonly<Record<number, string>> = {
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
};

const MESSAGES: Readonly<Record<number, string>> = {
  403: "Another site may not send this",
  404: "There is nothing at this path",
  405: "This path does not take this method",
};

/** Seconds after which a client may try again. */
const RETRY_AFTER = 2;

/** The answer for an error. Unknown ones are 500 and say nothing of themselves. */
export function errorResponse(error: unknown): Response {
  if (error instanceof ApiError) return answer(error.status, error.code, error.message);
  if (error instanceof RefusedError) {
    const { status, code, message, retryAfter } = error.refusal;
    return answer(status, code, message, [], retryAfter);
  }
  if (error instanceof InputError) {
    return error.tooLarge
      ? answer(413, "too_large", error.message, error.problems)
      : answer(400, "bad_input", error.message, error.problems);
  }
  if (error instanceof FilterError) {
    return answer(400, "bad_filter", error.message, [{ path: error.path, message: error.message }]);
  }
  if (error instanceof CursorError) {
    return answer(400, "bad_cursor", error.message, [{ path: "lastEventId", message: error.message }]);
  }
  if (error instanceof HubFullError) return answer(503, "too_many_viewers", error.message);
  if (error instanceof HttpError) {
    const code = CODES[error.status];
    if (code) return answer(error.status, code, MESSAGES[error.status] ?? "");
  }
  if (isQueryTimeout(error)) {
    return answer(
      503,
      "query_timeout",
      "The query took too long in the database: narrow it, or try again later",
    );
  }
  if (isAway(error)) return answer(503, "database_unavailable", "The database does not answer");
  return answer(500, "internal", "Something went wrong in the server, its log says what");
}

/** Which limit an error is about, null where it is about none. */
export function reasonOf(error: unknown): Reason | null {
  if (error instanceof RefusedError) return error.reason;
  if (error instanceof HubFullError) return error.isStopping ? null : "viewers";
  if (error instanceof InputError) return error.tooLarge ? "message_size" : null;
  if (error instanceof FilterTooLargeError) return "filter";
  return isQueryTimeout(error) ? "query_time" : null;
}

/** Whether an error is worth a line in the server's own log. */
export function isUnexpected(error: unknown): boolean {
  return errorResponse(error).status >= 500 && !(error instanceof HubFullError) &&
    !(error instanceof RefusedError) &&
    !(error instanceof ApiError);
}

function answer(
  status: number,
  code: string,
  message: string,
  details: readonly ErrorDetail[] = [],
  retryAfter = RETRY_AFTER,
): Response {
  const headers: Record<string, string> = { "Cache-Control": "no-store" };
  if (status === 401) headers["WWW-Authenticate"] = 'Bearer realm="Tailpost"';
  if (status === 503 || status === 429) headers["Retry-After"] = String(retryAfter);
  return Response.json({ error: { code, message, details } }, { status, headers });
}
