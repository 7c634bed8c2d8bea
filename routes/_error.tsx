import { HttpError } from "fresh";
import { ErrorPage } from "../components/ErrorPage.tsx";
import { define } from "../lib/define.ts";
import { RefusedError } from "../lib/limits.ts";
import { underPolicies } from "../lib/security_headers.ts";

export const handler = define.handlers((ctx) => {
  // The message of any other error is nobody's business but the server's own log.
  const { error } = ctx;
  const status = error instanceof HttpError ? error.status : 500;
  const wait = error instanceof HttpError && error.cause instanceof RefusedError
    ? error.cause.refusal.retryAfter
    : undefined;
  const headers: HeadersInit = wait === undefined ? {} : { "Retry-After": String(wait) };
  return underPolicies(ctx, ctx.render(pageOf(error, status), { status, headers }));
});

function pageOf(error: unknown, status: number) {
  return status < 500
    ? (
      <ErrorPage status={status} title="This page cannot be shown">
        {error instanceof HttpError && error.message ? error.message : "The request was not understood."}
      </ErrorPage>
    )
    : (
      <ErrorPage status={status} title="Something went wrong">
        The server could not answer. Its own log says why.
      </ErrorPage>
    );
}
