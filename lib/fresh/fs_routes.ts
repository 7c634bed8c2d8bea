import { Fragment, h, type VNode } from "preact";
import type { Context } from "./context.ts";
import type { Method, Middleware, RouteComponent, RouteConfig, RouteHandler } from "./define.ts";
import { HttpError, statusOf } from "./error.ts";
import type { Router } from "./router.ts";
import { Head } from "./runtime.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a file of `routes/` exports. */
type RouteFile<State> =
  & { default?: RouteComponent<State>; config?: RouteConfig; css?: string[] }
  & { [Name in "handler" | "handlers"]?: RouteHandler<unknown, State> };

/** Adds the files of `routes/`: first what applies to whole folders, then the routes. */
export function addFileRoutes<State>(router: Router<State>, modules: Snapshot["modules"]): void {
  const paths = Object.keys(modules).filter((path) => path.startsWith("routes/"));
  for (const path of paths.sort((a, b) => rank(a) < rank(b) ? -1 : 1)) {
    const file = modules[path] as RouteFile<State>;
    const respond = (ctx: Context<State>) => renderRoute(ctx, file);
    const [, folder = "", name = ""] = toPattern(path).match(/^routes(.*)\/(.*)$/) ?? [];
    if (name === "_app") router.app = file.default ?? null;
    else if (name === "_404") router.notFound = respond;
    else if (name === "_error") router.onError(folder, respond);
    else if (name === "_middleware") {
      router.use(folder, [file.handler ?? file.handlers ?? file.default].flat() as Middleware<State>[]);
    } else router.add("ALL", fileToPattern(path), [respond], folder);
  }
}

/** Runs a file's handler and, unless that made a response, renders its component. */
async function renderRoute<State>(ctx: Context<State>, file: RouteFile<State>): Promise<Response> {
  const { handler = file.handlers, default: component, config, css = [] } = file;
  const method = (ctx.req.method === "HEAD" ? "GET" : ctx.req.method) as Method;
  const fn = typeof handler === "object" ? handler[method] : handler;
  // A page beside handlers answers GET alone.
  if (!fn && (!component || handler && method !== "GET")) throw ctx.error ?? new HttpError(405);
  const result = fn ? await fn(ctx) : { data: {} };
  if (result instanceof Response) return result;
  const { data, status = ctx.error ? statusOf(ctx.error) : 200, headers = {} } = result;
  const links = h(Head, null, css.map((href) => h("link", { rel: "stylesheet", href })));
  const page = component && h(component, { ...ctx, data }) as VNode;
  return await ctx.render(h(Fragment, null, links, page), { status, headers }, config);
}

/** The URLPattern pathname of a file: `routes/(all)/logs/[id]` is at `/logs/:id`, `routes/logs/index` at `/logs`. */
export function fileToPattern(path: string): string {
  return toPattern(path.replace(/^routes/, "").replaceAll(/\/\([^/]*\)/g, "").replace(/\/index$/, "")) || "/";
}

function toPattern(path: string): string {
  return path.replaceAll(/\[\.\.\.(.+?)\]/g, ":$1*").replaceAll(/\[(.+?)\]/g, ":$1");
}

/** For sorting: `_app` and its like first; in every folder literals before `[param]`, and that before `[...rest]`. */
export function rank(path: string): string {
  const special = /\/_[^/]*$/.test(path) ? " " : "";
  return special + fileToPattern(path).replaceAll(/:\w+\*/g, "\uffff").replaceAll(":", "\ufffe");
}
