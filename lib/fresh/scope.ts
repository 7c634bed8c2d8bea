import { type Context, internalsOf, renderComponent } from "./context.ts";
import { HttpError } from "./error.ts";
import type { Method } from "./router.ts";
import type { Middleware, PageResponse, Route, RouteComponent } from "./types.ts";

/** A part of the URL space, such as `/api` and everything below: what is to apply to the routes in it. */
export interface Scope<State> {
  parent: Scope<State> | null;
  children: Map<string, Scope<State>>;
  middleware: Middleware<State>[];
  errorRoute: Route<State> | null;
  /** Of the root alone. */
  app: RouteComponent<State> | null;
  /** Of the root alone. */
  notFound: Route<State> | null;
}

/** Makes an empty scope. */
export function createScope<State>(parent: Scope<State> | null): Scope<State> {
  return { parent, children: new Map(), middleware: [], errorRoute: null, app: null, notFound: null };
}

/** Gives the scope of a pattern, or with `includeLast` false that of its folder, and makes it if need be. */
export function scopeAt<State>(root: Scope<State>, path: string, includeLast: boolean): Scope<State> {
  if (path === "*" || path === "/*") return root;
  const parts = path.replaceAll(/\{[^}]*\}\??/g, "").split("/");
  if (!includeLast) parts.pop();
  let scope = root;
  for (const part of parts.filter((part) => part !== "")) {
    const child = scope.children.get(part) ?? createScope(scope);
    scope.children.set(part, child);
    scope = child;
  }
  return scope;
}

/** What a request in `scope` goes through, outermost first, and at last `handlers`: as registered so far. */
export function chain<State>(scope: Scope<State>, handlers: Middleware<State>[]): Middleware<State> {
  const fns = [...handlers];
  let root = scope;
  while (root.parent) root = root.parent;
  for (let at: Scope<State> | null = scope; at; at = at.parent) {
    fns.unshift(catchErrors(root, at.errorRoute), ...at.middleware);
  }
  return (ctx) => {
    const last = ctx.next;
    const run = async (index: number): Promise<Response> => {
      const fn = fns[index];
      if (!fn) return await last();
      ctx.next = () => run(index + 1);
      return await fn(ctx);
    };
    return run(0);
  };
}

/** Answers for what a scope's middleware and routes throw, if it has a page for that. */
function catchErrors<State>(root: Scope<State>, errorRoute: Route<State> | null): Middleware<State> {
  const { app } = root;
  return async (ctx) => {
    internalsOf(ctx).app = app;
    try {
      return await ctx.next();
    } catch (error) {
      ctx.error = error;
      internalsOf(ctx).app = app;
      internalsOf(ctx).css = [];
      const status = error instanceof HttpError ? error.status : 500;
      const route = status === 404 && root.notFound ? root.notFound : errorRoute;
      if (!route) throw error;
      return await renderRoute(ctx, route, status);
    }
  };
}

/** Takes a middleware for a route that answers every method. */
export function toRoute<State>(route: Route<State> | Middleware<State>): Route<State> {
  return typeof route === "function" ? { handler: route } : route;
}

/** Runs a route's handler and, unless that made a response, renders its component. */
export async function renderRoute<State>(
  ctx: Context<State>,
  { handler, component, config, css = [] }: Route<State>,
  status = 200,
): Promise<Response> {
  const internals = internalsOf(ctx);
  if (config?.skipAppWrapper) internals.app = null;
  internals.css = css;
  const method = ctx.req.method as Method;
  const byMethod = typeof handler === "function" ? undefined : handler;
  const fn = typeof handler === "function"
    ? handler
    : byMethod?.[method] ?? (method === "HEAD" ? byMethod?.GET : undefined);
  if (!fn && !component) return await ctx.next();
  const result: Response | PageResponse<unknown> = fn ? await fn(ctx) : { data: {} };
  if (result instanceof Response) return result;
  const vnode = component ? await renderComponent(ctx, component, result.data) : null;
  if (vnode instanceof Response) return vnode;
  return ctx.render(vnode, { status: result.status ?? status, headers: result.headers ?? {} });
}
