import { Head } from "fresh/runtime";
import { LiveTail } from "../../islands/LiveTail.tsx";
import { type Caller, may } from "../../lib/auth/caller.ts";
import { define } from "../../lib/define.ts";

export default define.page(({ url, state: { caller, services } }) => (
  <>
    <Head>
      <title>Live logs · Tailpost</title>
    </Head>
    <LiveTail
      search={url.search}
      origin={url.origin}
      renderedAt={Date.now()}
      heartbeat={services.config.heartbeatSeconds * 1000}
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
