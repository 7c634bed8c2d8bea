/** The part of Fresh 2's API that this program uses, with Fresh's names, arguments and behaviour. @module */
export { App, type ListenOptions } from "./app.ts";
export type { Context } from "./context.ts";
export { csp } from "./csp.ts";
export { csrf } from "./csrf.ts";
export { createDefine, page } from "./define.ts";
export type { Middleware, PageProps, PageResponse, RouteConfig, RouteHandler } from "./define.ts";
export { HttpError } from "./error.ts";
export { staticFiles } from "./static_files.ts";
