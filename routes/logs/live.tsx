import { Head } from "fresh/runtime";
import { LiveTail } from "../../islands/LiveTail.tsx";
import { define } from "../../lib/define.ts";

export default define.page(({ url }) => (
  <>
    <Head>
      <title>Live logs · Tailpost</title>
    </Head>
    <LiveTail search={url.search} origin={url.origin} renderedAt={Date.now()} />
    <noscript>
      <p class="noscript">
        The live list needs JavaScript. Without it,{" "}
        <a href={`/api/logs${url.search}`}>read the logs as JSON</a> or follow them in a terminal with{" "}
        <code>curl -N {url.origin}/api/logs/stream?tail=50</code>.
      </p>
    </noscript>
  </>
));
