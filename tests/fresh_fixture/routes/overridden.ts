import type { RouteConfig } from "fresh";
import { define } from "../state.ts";

export const config: RouteConfig = { routeOverride: "/over/:name" };

export const handler = define.handlers({
  GET: (ctx) => new Response(ctx.params.name ?? ""),
  POST: () => new Response("posted"),
});
