import { setBuildId } from "./build_id.ts";
import { addFileRoutes } from "./fs_routes.ts";
import { createHandler, type Handler, listen, type ListenOptions, type Table } from "./handle.ts";
import { ALL_METHODS, joinPath, type Method, Router } from "./router.ts";
import { chain, createScope, scopeAt, toRoute } from "./scope.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Middleware, ResolvedFreshConfig, Route, RouteComponent } from "./types.ts";

/** What `new App()` takes. */
export interface FreshConfig {
  /** The path below which every route lives, such as `/tail`. Default: none. */
  basePath?: string;
}

/** Gives an app what the builder made. Its next `handler()` serves that. */
export let setSnapshot: <State>(app: App<State>, snapshot: Snapshot) => void;

/** A Fresh application: middleware and routes in the order of their registration. */
export class App<State> {
  /** The app's configuration. */
  config: ResolvedFreshConfig;
  #steps: ((table: Table<State>) => void)[] = [];
  #snapshot: Snapshot = { buildId: "", client: "", routes: [], islands: new Map(), files: new Map() };

  static {
    setSnapshot = (app, snapshot) => {
      app.config.mode = snapshot.revision === undefined ? "production" : "development";
      app.#snapshot = snapshot;
      setBuildId(snapshot.buildId);
    };
  }

  constructor(config: FreshConfig = {}) {
    this.config = { basePath: config.basePath ?? "", mode: "production" };
  }

  /** Adds middleware for everything registered from here on, or for what of it lies at `path` and below. */
  use(...middleware: Middleware<State>[]): this;
  use(path: string, ...middleware: Middleware<State>[]): this;
  use(first: string | Middleware<State>, ...rest: Middleware<State>[]): this {
    const [path, middleware] = typeof first === "string" ? [first, rest] : ["*", [first, ...rest]];
    return this.#add(({ root }) => scopeAt(root, path, true).middleware.push(...middleware));
  }

  /** Sets what answers every 404: a middleware, or a route whose component is rendered with status 404. */
  notFound(route: Route<State> | Middleware<State>): this {
    return this.#add(({ root }) => root.notFound = toRoute(route));
  }

  /** Sets what answers for routes at `path` and below, registered from here on, that throw. `ctx.error` has it. */
  onError(path: string, route: Route<State> | Middleware<State>): this {
    return this.#add(({ root }) => scopeAt(root, path, true).errorRoute = toRoute(route));
  }

  /** Sets the component that wraps every page registered from here on. */
  appWrapper(component: RouteComponent<State>): this {
    return this.#add(({ root }) => root.app = component);
  }

  /** Handles GET and HEAD requests of a path. */
  readonly get = this.#on("GET");
  /** Handles POST requests of a path. */
  readonly post = this.#on("POST");
  /** Handles PUT requests of a path. */
  readonly put = this.#on("PUT");
  /** Handles PATCH requests of a path. */
  readonly patch = this.#on("PATCH");
  /** Handles DELETE requests of a path. */
  readonly delete = this.#on("DELETE");
  /** Handles every request of a path. */
  readonly all = this.#on(...ALL_METHODS);

  /** Registers, at this point, the files of `routes/`. */
  fsRoutes(): this {
    return this.#add(addFileRoutes);
  }

  /** Makes the function that answers requests, for `Deno.serve` and for tests. */
  handler(): Handler {
    const table: Table<State> = {
      router: new Router(),
      root: createScope<State>(null),
      basePath: this.config.basePath,
      snapshot: this.#snapshot,
    };
    for (const step of this.#steps) step(table);
    return createHandler(table, this.config);
  }

  /** Serves the app, on port 8000 unless told otherwise. */
  listen(options: ListenOptions = {}): Promise<void> {
    return listen(this.handler(), options);
  }

  #add(step: (table: Table<State>) => void): this {
    this.#steps.push(step);
    return this;
  }

  #on(...methods: Method[]): (path: string, ...handlers: Middleware<State>[]) => this {
    return (path, ...handlers) =>
      this.#add(({ router, root, basePath }) =>
        router.add(methods, joinPath(basePath, path), chain(scopeAt(root, path, true), handlers))
      );
  }
}
