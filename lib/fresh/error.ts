type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 409
  | 410
  | 413
  | 414
  | 415
  | 422
  | 429
  | 500
  | 501
  | 503;

/** Thrown by a handler or middleware to answer with `status`. The message, where given, reaches the client. */
export class HttpError extends Error {
  override name = "HttpError";

  constructor(readonly status: ErrorStatus, message?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The status that answers for something thrown. */
export function statusOf(error: unknown): number {
  return error instanceof HttpError ? error.status : 500;
}
