import { page } from "fresh";
import { Head } from "fresh/runtime";
import { LiveTail } from "../../islands/LiveTail.tsx";
import { type Caller, may } from "../../lib/auth/caller.ts";
import { defaultQueryOf } from "../../lib/default_view.ts";
import { define } from "../../lib/define.ts";
import { namesView, searchText } from "../../lib/live_tail/view.ts";

export const handler = define.handlers({
  /** The page. Where its address names nothing it opens with the default view. */
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const query = await defaultQueryOf(ctx);
    if (query === null || namesView(searchParams)) return page({ hasDefault: query !== null });
    const view = new URLSearchParams([...searchParams, ...new URLSearchParams(query)]);
    return ctx.redirect(`/logs/live${searchText(view)}`);
  },
});

export default define.page<typeof handler>(({ data, url, state: { caller, services } }) => (
  <>
    <Head>
      <title>Live logs · Tailpost</title>
    </Head>
    <LiveTail
      search={url.search}
      origin={url.origin}
      renderedAt={Date.now()}
      heartbeat={services.config.heartbeatSeconds * 1000}
      hasDefault={data.hasDefault}
      account={accountOf(caller)}
    />
    <noscript>
      <p class="noscript">
        The live list needs JavaScript. Without it,{" "}
        <a href={`/api/logs${url.search}`}>read the logs as JSON</a> or follow them in a terminal with{" "}
        <code>
          curl -N {caller?.name ? "-H 'Authorization: Bearer tp_...' " : ""}
          {url.origin}/api/logs/stream?tail=50
        </code>.
      </p>
    </noscript>
  </>
));

/** Who is signed in; null where nobody has to be. */
function accountOf(caller: Caller | null) {
  if (!caller || caller.name === null) return null;
  return {
    name: caller.name,
    isAdmin: may(caller, "admin"),
    canSignOut: caller.isSignedOnElsewhere !== true,
  };
}
