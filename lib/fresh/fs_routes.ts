import type { Table } from "./handle.ts";
import {
  ALL_METHODS,
  bracketsToParams,
  compareRoutes,
  fileToPattern,
  joinPath,
  type Method,
} from "./router.ts";
import { chain, renderRoute, scopeAt } from "./scope.ts";
import type { ImportedFile } from "./snapshot.ts";
import type { Middleware, Route, RouteComponent, RouteConfig, RouteHandler } from "./types.ts";

interface RouteModule<State> {
  default?: RouteComponent<State>;
  handler?: RouteHandler<unknown, State>;
  handlers?: RouteHandler<unknown, State>;
  config?: RouteConfig;
  css?: string[];
}

/** Adds the files of `routes/` to an app's table: first what applies to whole folders, then the routes. */
export function addFileRoutes<State>(table: Table<State>): void {
  const files = [...table.snapshot.routes].sort((a, b) => compareRoutes(a.id, b.id));
  for (const file of files) if (/\/_[^/]+$/.test(file.id)) addSpecialFile(table, file);
  for (const file of files) if (!/\/_[^/]+$/.test(file.id)) addRouteFile(table, file);
}

function addSpecialFile<State>({ root }: Table<State>, { id, module }: ImportedFile): void {
  const scope = scopeAt(root, bracketsToParams(id), false);
  const name = id.slice(id.lastIndexOf("/") + 1);
  if (name === "_middleware") {
    const fns = (module.handlers ?? module.handler ?? module.default) as Middleware<State> | Middleware<
      State
    >[];
    scope.middleware.push(...[fns].flat());
  } else if (name === "_app") root.app = (module as RouteModule<State>).default ?? null;
  else if (name === "_404") root.notFound = moduleToRoute(id, module);
  else if (name === "_error") scope.errorRoute = moduleToRoute(id, module);
  else {throw new Error(
      `Cannot add route file ${id}: only _app, _middleware, _error and _404 may start with _`,
    );}
}

function addRouteFile<State>({ router, root, basePath }: Table<State>, { id, module }: ImportedFile): void {
  const route = moduleToRoute<State>(id, module);
  const { handler, component, config } = route;
  const methods = typeof handler === "object"
    ? [...Object.keys(handler) as Method[], ...(component ? ["GET" as const] : [])]
    : ALL_METHODS;
  const scope = scopeAt(root, bracketsToParams(id), false);
  const pattern = joinPath(basePath, config?.routeOverride ?? fileToPattern(id));
  router.add(methods, pattern, chain(scope, [(ctx) => renderRoute(ctx, route)]));
}

function moduleToRoute<State>(id: string, module: RouteModule<State>): Route<State> {
  const { default: component, config, css } = module;
  const handler = module.handlers ?? module.handler;
  if (!component && !handler) {
    throw new Error(`Cannot add route file ${id}: it exports neither a component nor a handler`);
  }
  return { component, handler, config, css };
}
