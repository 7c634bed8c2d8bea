import { STATUS_CODES } from "node:http";
import { Context } from "./context.ts";
import type { Middleware, RouteComponent } from "./define.ts";
import { HttpError } from "./error.ts";
import { addFileRoutes } from "./fs_routes.ts";
import { Router } from "./router.ts";
import { snapshot } from "./snapshot.ts";

/** Options of {@linkcode App.listen}. */
export type ListenOptions = Partial<Deno.ServeTcpOptions>;

const NOBODY = { remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 } } as Deno.ServeHandlerInfo;

/** A Fresh application: middleware and routes in the order of their registration. */
export class App<State> {
  readonly #steps: ((router: Router<State>) => void)[] = [];

  /** Every route lives below `basePath`, such as `/tail`. Default: none. */
  constructor(readonly config: { basePath?: string } = {}) {}

  /** Adds middleware for everything registered from here on, or for what of it lies at `path` and below. */
  use(...middleware: Middleware<State>[]): this;
  use(path: string, ...middleware: Middleware<State>[]): this;
  use(first: string | Middleware<State>, ...rest: Middleware<State>[]): this {
    const [path, fns] = typeof first === "string" ? [first, rest] : ["*", [first, ...rest]];
    return this.#add((router) => router.use(path, fns));
  }

  /** Sets what answers every 404. */
  notFound(fn: Middleware<State>): this {
    return this.#add((router) => router.notFound = fn);
  }

  /** Sets what answers for routes at `path` and below, registered from here on, that throw. `ctx.error` has it. */
  onError(path: string, fn: Middleware<State>): this {
    return this.#add((router) => router.onError(path, fn));
  }

  /** Sets the component that wraps every page. */
  appWrapper(component: RouteComponent<State>): this {
    return this.#add((router) => router.app = component);
  }

  /** Handles GET and HEAD requests of a URLPattern pathname. Those that follow handle what they are named after. */
  readonly get = this.#on("GET");
  readonly post = this.#on("POST");
  readonly put = this.#on("PUT");
  readonly patch = this.#on("PATCH");
  readonly delete = this.#on("DELETE");
  readonly all = this.#on("ALL");

  /** Registers, at this point, the files of `routes/`. */
  fsRoutes(): this {
    return this.#add((router) => addFileRoutes(router, snapshot.modules));
  }

  /** Makes the function that answers requests, for `Deno.serve` and for tests. It never rejects. */
  handler(): (request: Request, info?: Deno.ServeHandlerInfo) => Promise<Response> {
    const config = { basePath: "", mode: snapshot.mode, ...this.config };
    const router = new Router<State>(config.basePath);
    router.onError("*", null);
    for (const step of this.#steps) step(router);
    return async (req, info = NOBODY) => {
      const url = new URL(req.url);
      // `//evil.example` in a path must not end up in a relative redirect.
      url.pathname = url.pathname.replaceAll(/\/+/g, "/");
      const { route, params, run } = router.match(req.method, url.pathname);
      const ctx = new Context({ req, url, info, route, params, config }, router.app);
      const response = await Promise.resolve(run(ctx)).catch(plainError);
      if (req.method !== "HEAD") return response;
      // Nobody will read the body; whoever writes to it has to know.
      response.body?.cancel().catch(() => {});
      return new Response(null, response);
    };
  }

  /** Starts to serve the app, on port 8000 unless told otherwise. */
  async listen(options: ListenOptions = {}): Promise<void> {
    await Deno.serve({ ...options, port: options.port || 8000 }, this.handler());
  }

  #add(step: (router: Router<State>) => void): this {
    this.#steps.push(step);
    return this;
  }

  #on(method: string): (path: string, ...handlers: Middleware<State>[]) => this {
    return (path, ...handlers) => this.#add((router) => router.add(method, path, handlers));
  }
}

/** Answers what no error route took. Only the message of an HttpError is meant for the client. */
function plainError(error: unknown): Response {
  const known = error instanceof HttpError;
  // deno-lint-ignore no-console
  if (!known || error.status >= 500) console.error(error);
  if (known) return new Response(error.message || STATUS_CODES[error.status], { status: error.status });
  return new Response("Internal server error", { status: 500 });
}
