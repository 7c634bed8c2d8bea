import { type FunctionComponent, h, isValidElement, type VNode } from "preact";
import { renderPage } from "./render.ts";
import type { Snapshot } from "./snapshot.ts";
import type { LayoutConfig, PageProps, ResolvedFreshConfig, RouteComponent } from "./types.ts";

/** What a context knows besides what it shows to handlers. */
export interface Internals<State> {
  snapshot: Snapshot;
  app: RouteComponent<State> | null;
  css: readonly string[];
}

/** Gives the internals of a context. */
export let internalsOf: <State>(ctx: Context<State>) => Internals<State>;

const nonces = new WeakMap<Response, string>();

/** The nonce of the inline scripts in a response that `ctx.render()` made. */
export function nonceOf(response: Response): string | undefined {
  return nonces.get(response);
}

/** What a {@linkcode Context} is made from. */
export interface ContextInit<State> {
  req: Request;
  url: URL;
  info: Deno.ServeHandlerInfo;
  route: string | null;
  params: Record<string, string>;
  config: ResolvedFreshConfig;
  next: () => Promise<Response>;
  internals: Internals<State>;
}

/** One request on its way through middleware to its handler. */
export class Context<State> {
  /** The app's configuration. */
  readonly config: ResolvedFreshConfig;
  /** The request's URL, repeated slashes in its path collapsed. */
  readonly url: URL;
  req: Request;
  /** The pattern of the matched route, or null. */
  readonly route: string | null;
  /** The parts of the path that the route's pattern names. */
  readonly params: Record<string, string>;
  /** Shared by everything that handles this request. */
  readonly state: State = {} as State;
  data: unknown = undefined;
  /** What was thrown, in an error route; else null. */
  error: unknown = null;
  readonly info: Deno.ServeHandlerInfo;
  /** Whether the request asks for a part of a page only. */
  readonly isPartial: boolean;
  /** Calls the next middleware or the handler. */
  next: () => Promise<Response>;
  /** The page, for an app wrapper. */
  Component: FunctionComponent = () => null;
  #internals: Internals<State>;

  static {
    internalsOf = (ctx) => ctx.#internals;
  }

  constructor(init: ContextInit<State>) {
    this.req = init.req;
    this.url = init.url;
    this.info = init.info;
    this.route = init.route;
    this.params = init.params;
    this.config = init.config;
    this.next = init.next;
    this.isPartial = init.url.searchParams.has("fresh-partial");
    this.#internals = init.internals;
  }

  /** Redirects. A path can not leave the site: its repeated slashes are collapsed. */
  redirect(pathOrUrl: string, status = 302): Response {
    const [, path = "", rest = ""] = pathOrUrl.match(/^([^?#]*)(.*)$/s) ?? [];
    const location = path.startsWith("/") ? path.replaceAll(/\/+/g, "/") + rest : pathOrUrl;
    return new Response(null, { status, headers: { location } });
  }

  /** Renders an element inside the app wrapper as an HTML response. */
  async render(vnode: VNode | null, init: ResponseInit = {}, config: LayoutConfig = {}): Promise<Response> {
    if (vnode !== null && !isValidElement(vnode)) throw new Error("Cannot render: not an element");
    const { snapshot, app, css } = this.#internals;
    const slot: { page: VNode | null } = { page: null };
    this.Component = () => slot.page;
    const wrapper = app && !config.skipAppWrapper ? await renderComponent(this, app, undefined) : null;
    if (wrapper instanceof Response) return wrapper;
    const { basePath } = this.config;
    const { html, nonce, preload } = renderPage(vnode, { snapshot, basePath, css, wrapper, slot });
    const headers = new Headers(init.headers);
    headers.set("Content-Type", "text/html; charset=utf-8");
    for (const file of preload) {
      headers.append("Link", `<${basePath}${file}>; rel="modulepreload"; as="script"`);
    }
    const response = new Response(html, { ...init, headers });
    nonces.set(response, nonce);
    return response;
  }
}

/** Makes the element of a route's component. An async one is awaited, and may answer by itself. */
export async function renderComponent<State>(
  ctx: Context<State>,
  component: RouteComponent<State>,
  data: unknown,
): Promise<VNode | Response> {
  const { config, url, req, params, info, state, isPartial, error, route, Component } = ctx;
  const props = { config, url, req, params, info, state, isPartial, error, route, data, Component };
  if (component.constructor.name !== "AsyncFunction") return h(component, props) as VNode;
  return await (component as unknown as (props: PageProps<unknown, State>) => Promise<VNode | Response>)(
    props,
  );
}
