import { define } from "../state.ts";

export default define.page(async (props) => {
  const name = await Promise.resolve(props.url.searchParams.get("name"));
  return name ? <h1>async {name}</h1> : new Response("who?", { status: 422 });
});
