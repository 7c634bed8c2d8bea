import { type FunctionComponent, h, type VNode } from "preact";
import type { RouteComponent, RouteConfig } from "./define.ts";
import { renderPage } from "./render.ts";
import { snapshot } from "./snapshot.ts";

/** The nonces of the inline scripts in the pages that `ctx.render()` made. */
export const nonces = new WeakMap<Response, string>();

/** One request on its way through middleware to its handler. */
export class Context<State> {
  readonly req!: Request;
  /** The request's URL, repeated slashes in its path collapsed. */
  readonly url!: URL;
  readonly info!: Deno.ServeHandlerInfo;
  /** The parts of the path that the route's pattern names. */
  readonly params!: Record<string, string>;
  /** The pattern of the matched route, or null. */
  readonly route!: string | null;
  readonly config!: { basePath: string; mode: "development" | "production" };
  /** Shared by everything that handles this request. */
  readonly state: State = {} as State;
  readonly data: unknown = undefined;
  /** What was thrown, in an error route; else null. */
  error: unknown = null;
  readonly isPartial: boolean = false;
  /** Calls the next middleware or the handler. */
  next!: () => Promise<Response>;
  /** The page, for an app wrapper. */
  Component: FunctionComponent = () => null;
  readonly #app: RouteComponent<State> | null;

  constructor(init: Partial<Context<State>>, app: RouteComponent<State> | null) {
    Object.assign(this, init);
    this.#app = app;
  }

  /** Redirects. A path can not leave the site: its repeated slashes are collapsed. */
  redirect(pathOrUrl: string, status = 302): Response {
    const [path = ""] = pathOrUrl.match(/^\/[^?#]*/) ?? [];
    const location = path.replaceAll(/\/+/g, "/") + pathOrUrl.slice(path.length);
    return new Response(null, { status, headers: { location } });
  }

  /** Renders an element inside the app wrapper as an HTML response. */
  // deno-lint-ignore require-await -- what a component throws is to reject
  async render(vnode: VNode | null, init: ResponseInit = {}, config: RouteConfig = {}): Promise<Response> {
    const { basePath } = this.config;
    const { html, nonce, islands } = renderPage(vnode, basePath, (page) => {
      this.Component = () => page;
      return this.#app && !config.skipAppWrapper ? h(this.#app, { ...this }) as VNode : page;
    });
    const headers = new Headers(init.headers);
    headers.set("Content-Type", "text/html; charset=utf-8");
    const script = `<${basePath}${snapshot.script}>`;
    if (islands.length > 0) headers.append("Link", `${script}; rel="modulepreload"; as="script"`);
    const response = new Response(html, { ...init, headers });
    nonces.set(response, nonce);
    return response;
  }
}
