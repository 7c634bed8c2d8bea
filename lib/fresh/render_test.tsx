import assert from "node:assert/strict";
import { Head } from "./runtime.ts";
import { type RenderOptions, renderPage } from "./render.ts";
import { toIslands } from "./snapshot.ts";

function Clock({ zone }: { zone: string }) {
  return <time>{zone}</time>;
}

const options: RenderOptions = {
  snapshot: {
    buildId: "1",
    client: "/client.js",
    routes: [],
    islands: toIslands([{ id: "/Clock", module: { Clock, LIMIT: 1 }, file: "/clock.js" }]),
    files: new Map(),
  },
  basePath: "/base",
  css: [],
  wrapper: null,
  slot: { page: null },
};

Deno.test("renderPage() renders an element that is shared by pages the same way on each", () => {
  const page = (
    <html>
      <head></head>
      <body>
        <Head>
          <title>shared</title>
        </Head>
        <script>1</script>
        <Clock zone="UTC" />
      </body>
    </html>
  );
  const [first, second] = [renderPage(page, options), renderPage(page, options)];
  assert.equal(first.html.replaceAll(first.nonce, "N"), second.html.replaceAll(second.nonce, "N"));
  assert.notEqual(first.nonce, second.nonce);
  assert.equal(second.html.match(/boot\(/g)?.length, 1);
});

Deno.test("renderPage() boots each island's component once, below the base path", () => {
  const { html, preload } = renderPage(
    <p>
      <Clock zone="UTC" />
      <Clock zone="CET" />
    </p>,
    options,
  );
  assert.ok(
    html.includes('import{boot}from"/base/client.js";import{Clock as c0}from"/base/clock.js";'),
    html,
  );
  assert.ok(html.includes(String.raw`boot([c0],"[[0,{\"zone\":\"UTC\"}],[0,{\"zone\":\"CET\"}]]")`), html);
  assert.deepEqual(preload, ["/client.js", "/clock.js"]);
});

Deno.test("renderPage() throws what a component throws, and the next page is none the worse", () => {
  const Broken = (): never => {
    throw new Error("broken");
  };
  assert.throws(
    () => renderPage(<Clock zone={<Broken /> as unknown as string} />, options),
    /prop "zone" of island Clock/,
  );
  assert.throws(() =>
    renderPage(
      <div>
        <Head>
          <Broken />
        </Head>
      </div>,
      options,
    ), /broken/);
  assert.match(renderPage(<p>fine</p>, options).html, /<body><p>fine<\/p><\/body>/);
});
