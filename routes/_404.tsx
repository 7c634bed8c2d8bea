import { ErrorPage } from "../components/ErrorPage.tsx";
import { define } from "../lib/define.ts";
import { underPolicies } from "../lib/security_headers.ts";

export const handler = define.handlers((ctx) =>
  underPolicies(
    ctx,
    ctx.render(
      <ErrorPage status={404} title="There is no such page">
        The address may have a typo, or the page has moved.
      </ErrorPage>,
      { status: 404 },
    ),
  )
);
