import type { AnyComponent } from "preact";
import type { Context } from "./context.ts";

/** Answers a request, or calls `ctx.next()` to let the next one do so. */
export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

/** What a handler returns to have its route's component rendered with `data`. */
export type PageResponse<T> = { data: T } & Pick<ResponseInit, "headers" | "status">;

/** Has the route's component rendered with `data`. */
export function page<T>(data: T, options?: Pick<ResponseInit, "headers" | "status">): PageResponse<T> {
  return { data, ...options };
}

type Answer<Data> = Response | PageResponse<Data>;
type HandlerFn<Data, State> = (ctx: Context<State>) => Answer<Data> | Promise<Answer<Data>>;

/** The request methods that a route file may handle. HEAD falls back to GET. */
export type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

/** What a route file exports as `handler` or `handlers`: one function, or one by method. */
export type RouteHandler<Data, State> = HandlerFn<Data, State> | { [M in Method]?: HandlerFn<Data, State> };

/** What a route file may export as `config`, and the last argument of `ctx.render()`. */
export interface RouteConfig {
  /** Render without the app wrapper (`_app.tsx`). */
  skipAppWrapper?: boolean;
}

/** The props of a page, an app wrapper or an error page. */
export type PageProps<Data = unknown, State = unknown> =
  & Omit<Context<State>, "data" | "next" | "redirect" | "render">
  & { data: Data };

/** A component that is rendered with {@linkcode PageProps}. */
export type RouteComponent<State> = AnyComponent<PageProps<unknown, State>>;

/** Makes functions that return their argument and give it its types, for an app's state. */
export function createDefine<State>() {
  return {
    /** Types what a route file exports as `handler` or `handlers`. */
    handlers: <H extends RouteHandler<unknown, State>>(handlers: H): H => handlers,
    /** Types a route's component. `typeof handler` as type argument gives `data` its type. */
    page: <
      Handler extends RouteHandler<unknown, State> = never,
      Data = Handler extends RouteHandler<infer Data, State> ? Data : never,
    >(component: AnyComponent<PageProps<Data, State>>): typeof component => component,
    /** Types a middleware, or several in an array. */
    middleware: <M extends Middleware<State> | Middleware<State>[]>(middleware: M): M => middleware,
    /** Types a component that wraps pages. */
    layout: (component: RouteComponent<State>): typeof component => component,
  };
}
