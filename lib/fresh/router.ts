import type { Middleware, RouteComponent } from "./define.ts";
import { HttpError, statusOf } from "./error.ts";

/** What the registrations of an app add up to. */
export class Router<State> {
  app: RouteComponent<State> | null = null;
  notFound: Middleware<State> | null = null;
  /** What stands around the routes below a path; what has the lower order is the outer. */
  readonly #around: { prefix: string; order: number; fn: Middleware<State> }[] = [];
  readonly #routes = new Map<string, Map<string, Middleware<State>>>();
  readonly #patterns = new Map<string, URLPattern>();

  constructor(readonly basePath: string) {}

  /** Adds middleware for what is at `path` and below. `*` is everywhere. */
  use(path: string, fns: Middleware<State>[], order = 1): void {
    const prefix = path.replace(/(^|\/)\*?$/, "");
    for (const fn of fns) this.#around.push({ prefix, order: order + 2 * prefix.split("/").length, fn });
  }

  /** Sets what answers where middleware or a route at `path` or below throws. */
  onError(path: string, answer: Middleware<State> | null): void {
    this.use(path, [async (ctx) => {
      try {
        return await ctx.next();
      } catch (error) {
        ctx.error = error;
        const fn = statusOf(error) === 404 && this.notFound || answer;
        if (!fn) throw error;
        return await fn(ctx);
      }
    }], 0);
  }

  /** Adds handlers of a URLPattern pathname for a method or `ALL`; the first stays. They are registered at `path`. */
  add(method: string, pathname: string, fns: Middleware<State>[], path = pathname): void {
    const route = pathname === "/" && this.basePath ? this.basePath : this.basePath + pathname;
    if (/[*:{}+?()]/.test(route)) this.#patterns.set(route, new URLPattern({ pathname: route }));
    const handlers = this.#routes.get(route) ?? new Map();
    this.#routes.set(route, handlers);
    if (!handlers.has(method)) handlers.set(method, this.#chain(path, fns));
  }

  /** Finds the handlers for a request: literal paths first, then patterns in the order they were added. */
  match(method: string, pathname: string) {
    const literal = this.#routes.has(pathname) ? pathname : pathname.replace(/\/$/, "");
    for (const route of [literal, ...this.#patterns.keys()]) {
      const handlers = this.#routes.get(route);
      const pattern = this.#patterns.get(route);
      const groups = pattern ? pattern.exec({ pathname })?.pathname.groups : {};
      if (!handlers || !groups) continue;
      const params = Object.entries(groups).map(([name, value = ""]) => [name, decode(value)]);
      const run = handlers.get(method === "HEAD" ? "GET" : method) ?? handlers.get("ALL");
      return { route, params: Object.fromEntries(params), run: run ?? this.#chain("", [], 405) };
    }
    return { route: null, params: {}, run: this.#chain("", []) };
  }

  /** What a request for a path goes through, outermost first, as registered so far. */
  #chain(path: string, handlers: Middleware<State>[], otherwise: 404 | 405 = 404): Middleware<State> {
    const around = this.#around.filter(({ prefix }) => prefix === "" || `${path}/`.startsWith(`${prefix}/`));
    const fns = [...around.sort((a, b) => a.order - b.order).map(({ fn }) => fn), ...handlers];
    return (ctx) => {
      const run = async (index: number): Promise<Response> => {
        const fn = fns[index];
        if (!fn) throw new HttpError(otherwise);
        ctx.next = () => run(index + 1);
        return await fn(ctx);
      };
      return run(0);
    };
  }
}

/** Decodes a part of a path. What can not be decoded stays as it is. */
function decode(value: string): string {
  try {
    return decodeURI(value);
  } catch {
    return value;
  }
}
