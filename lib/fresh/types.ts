import type { AnyComponent } from "preact";
import type { Context } from "./context.ts";
import type { Method } from "./router.ts";

/** Answers a request, or calls `ctx.next()` to let the next one do so. */
export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

/** The configuration of an app, every field filled in. */
export interface ResolvedFreshConfig {
  /** The path below which every route lives; empty for none. */
  basePath: string;
  mode: "development" | "production";
}

/** What a handler returns to have its route's component rendered with `data`. */
export interface PageResponse<T> {
  data: T;
  headers?: HeadersInit | undefined;
  status?: number | undefined;
}

/** Handles a request of a route: with a response, or with data for the route's component. */
export interface HandlerFn<Data, State> {
  (ctx: Context<State>): Response | PageResponse<Data> | Promise<Response | PageResponse<Data>>;
}

/** Handlers by request method. HEAD falls back to GET. */
export type HandlerByMethod<Data, State> = { [M in Method]?: HandlerFn<Data, State> };

/** What a route file exports as `handler` or `handlers`. */
export type RouteHandler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;

/** Options of `ctx.render()`. */
export interface LayoutConfig {
  /** Render without the app wrapper (`_app.tsx`). */
  skipAppWrapper?: boolean;
}

/** What a route file may export as `config`. */
export interface RouteConfig extends LayoutConfig {
  /** A URLPattern pathname to use in place of the file's. */
  routeOverride?: string;
}

/** The props of a page, an app wrapper or an error page. */
export type PageProps<Data = unknown, State = unknown> =
  & Pick<
    Context<State>,
    "config" | "url" | "req" | "params" | "info" | "state" | "isPartial" | "Component" | "error" | "route"
  >
  & { data: Data };

/** A component that is rendered with {@linkcode PageProps}. It may be async. */
export type RouteComponent<State> = AnyComponent<PageProps<unknown, State>>;

/** A page for `notFound()` and `onError()`: the parts of a route file. */
export interface Route<State> {
  component?: RouteComponent<State> | undefined;
  config?: RouteConfig | undefined;
  handler?: RouteHandler<unknown, State> | undefined;
  css?: string[] | undefined;
}
