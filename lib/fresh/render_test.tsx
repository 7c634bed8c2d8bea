import assert from "node:assert/strict";
import { h } from "preact";
import { App } from "./app.ts";
import { renderPage, serializeProps } from "./render.ts";
import { Head } from "./runtime.ts";
import { setSnapshot } from "./snapshot.ts";

function Clock({ zone }: { zone: string }) {
  return <time>{zone}</time>;
}

setSnapshot({
  mode: "production",
  id: "b1",
  script: "/islands.js",
  modules: { "islands/Clock": { Clock, LIMIT: 1 } },
  files: new Map(),
});

const render = (page: preact.VNode) => renderPage(page, "/base", (page) => page);

Deno.test("renderPage() renders an element that is shared by pages the same way on each", () => {
  const page = (
    <html>
      <head>
        <title>shared</title>
      </head>
      <body>
        <script>1</script>
        <Clock zone="UTC" />
      </body>
    </html>
  );
  const [first, second] = [render(page), render(page)];
  assert.equal(first.html.replaceAll(first.nonce, "N"), second.html.replaceAll(second.nonce, "N"));
  assert.notEqual(first.nonce, second.nonce);
  assert.equal(second.html.match(/boot\(/g)?.length, 1);
});

Deno.test("renderPage() starts the islands by one script, below the base path", () => {
  const { html } = render(
    <p>
      <Clock zone="UTC" />
      <Clock zone="</script>" />
    </p>,
  );
  assert.ok(html.includes("<!--frsh:island--><time>UTC</time><!--/frsh:island-->"), html);
  assert.ok(html.includes('import boot from"/base/islands.js";'), html);
  const json = JSON.parse(html.match(/boot\((".*?")\);/)?.[1] ?? "");
  assert.deepEqual(JSON.parse(json), {
    buildId: "b1",
    islands: [["islands/Clock", "Clock", { zone: "UTC" }], ["islands/Clock", "Clock", { zone: "</script>" }]],
  });
  assert.equal(html.match(/<\/script>/g)?.length, 1);
});

Deno.test("renderPage() keeps every element of Head that is not the title, nor has the name or key of another", () => {
  const { html } = render(
    <p>
      <Head>
        <title>first</title>
        <link rel="stylesheet" href="/a.css" />
        <link rel="stylesheet" href="/b.css" />
        <meta name="robots" content="all" />
      </Head>
      <Head>
        <title>second</title>
        <meta name="robots" content="none" />
        <meta charset="utf-8" />
      </Head>
    </p>,
  );
  const [head] = html.match(/(?<=<head>).*(?=<\/head>)/) ?? [];
  assert.equal(
    head,
    '<meta charset="utf-8"/><title>second</title><link rel="stylesheet" href="/a.css"/>' +
      '<link rel="stylesheet" href="/b.css"/><meta name="robots" content="none"/><meta charset="utf-8"/>',
  );
});

Deno.test("renderPage() throws what a component throws, and the next page is none the worse", () => {
  const Broken = (): never => {
    throw new Error("broken");
  };
  assert.throws(
    () => render(<Clock zone={<Broken /> as unknown as string} />),
    /prop "zone" of island Clock/,
  );
  assert.throws(() =>
    render(
      <Head>
        <Broken />
      </Head>,
    ), /broken/);
  assert.match(render(<p>fine</p>).html, /<body><p>fine<\/p><\/body>/);
});

Deno.test("Context.render() names the script that a page with islands needs in the Link header", async () => {
  const handler = new App({ basePath: "/base" }).get("/", (ctx) => ctx.render(<Clock zone="UTC" />))
    .get("/static", (ctx) => ctx.render(<p>no island</p>)).handler();
  const link = async (path: string) =>
    (await handler(new Request(`http://localhost${path}`))).headers.get("link");
  assert.equal(await link("/base"), '</base/islands.js>; rel="modulepreload"; as="script"');
  assert.equal(await link("/base/static"), null);
});

Deno.test("serializeProps() keeps whatever JSON can express", () => {
  const props = {
    text: "</script>\u2028",
    list: [1, null, [true], { deep: { er: "x" } }],
    missing: undefined,
    // A log's metadata may have any names at all.
    tricky: JSON.parse('{"constructor":"x","__proto__":{"a":1},"toString":1}'),
  };
  assert.equal(serializeProps("Island", props), JSON.stringify(props));
});

Deno.test("serializeProps() names the island and the prop that it can not serialise", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const bad = [
    () => {},
    Symbol("x"),
    1n,
    NaN,
    Infinity,
    new Date(0),
    new Map(),
    new URL("http://localhost"),
    [undefined],
    h("p", null),
    circle,
    { toJSON: () => 1 },
  ];
  for (const value of bad) {
    for (const wrapped of [value, { in: value }, [value]]) {
      assert.throws(
        () => serializeProps("Chart", { fine: 1, data: wrapped }),
        /^TypeError: Cannot serialise prop "data" of island Chart: ./,
      );
    }
  }
});
