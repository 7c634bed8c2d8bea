import { HttpError } from "fresh";
import { ErrorPage } from "../components/ErrorPage.tsx";
import { define } from "../lib/define.ts";
import { underPolicies } from "../lib/security_headers.ts";

export const handler = define.handlers((ctx) => {
  // The message of any other error is nobody's business but the server's own log.
  const status = ctx.error instanceof HttpError ? ctx.error.status : 500;
  return underPolicies(ctx, ctx.render(pageOf(ctx.error, status), { status }));
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
