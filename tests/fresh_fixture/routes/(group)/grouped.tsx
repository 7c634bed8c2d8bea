import { page } from "fresh";
import { Head } from "fresh/runtime";
import { define } from "../../state.ts";

export const css = ["/page.css"];

export const handler = define.handlers({
  GET: () => page({ words: ["a < b", "c & d"] }, { status: 203, headers: { "x-page": "grouped" } }),
  POST: async (ctx) => {
    const word = new URLSearchParams(await ctx.req.text()).get("word");
    return word ? page({ words: [word] }, { status: 401 }) : ctx.redirect("/index", 303);
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <main>
    <Head>
      <title>from the page</title>
      <meta name="description" content="from the page" />
      <meta name="added" content="by the page" />
    </Head>
    <style>{"p { color: red }"}</style>
    {data.words.map((word) => <p key={word}>{word}</p>)}
    <small>{state.trail.join()}</small>
  </main>
));
