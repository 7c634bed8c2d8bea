import { Context } from "./context.ts";
import { HttpError, STATUS_TEXT } from "./error.ts";
import type { Match, Method, Router } from "./router.ts";
import { chain, type Scope } from "./scope.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Middleware, ResolvedFreshConfig } from "./types.ts";

/** Answers a request. The second argument is what `Deno.serve` knows about the connection. */
export type Handler = (request: Request, info?: Deno.ServeHandlerInfo) => Promise<Response>;

/** What an app's registrations add up to. */
export interface Table<State> {
  router: Router<Middleware<State>>;
  root: Scope<State>;
  basePath: string;
  snapshot: Snapshot;
}

const UNKNOWN_INFO: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 },
  completed: Promise.resolve(),
};

/** Makes the function that takes a request through the table. It never rejects. */
export function createHandler<State>(table: Table<State>, config: ResolvedFreshConfig): Handler {
  const unmatched = chain(table.root, []);
  return async (req, info = UNKNOWN_INFO) => {
    try {
      const url = new URL(req.url);
      // `//evil.example` in a path must not end up in a relative redirect.
      url.pathname = url.pathname.replaceAll(/\/+/g, "/");
      const match = find(table.router, req.method, url);
      const { route = null, params = {} } = match ?? {};
      const internals = { snapshot: table.snapshot, app: null, css: [] };
      const next = () => fallBack(match, req.method);
      const ctx = new Context<State>({ req, url, info, route, params, config, next, internals });
      const response: unknown = await (match?.item ?? unmatched)(ctx);
      if (!(response instanceof Response)) throw new TypeError(`Expected a Response, got: ${response}`);
      if (req.method !== "HEAD") return response;
      // Nobody will read the body; whoever writes to it has to know.
      response.body?.cancel().catch(() => {});
      return new Response(null, response);
    } catch (error) {
      return plainError(error);
    }
  };
}

function find<T>(router: Router<T>, method: string, url: URL): Match<T> | null {
  try {
    return router.match(method as Method, url);
  } catch (cause) {
    throw new HttpError(400, undefined, { cause });
  }
}

/** What is left when no handler answered: nothing there, or nothing for that method. */
function fallBack<T>(match: Match<T> | null, method: string): Promise<Response> {
  if (!match || match.item) return Promise.reject(new HttpError(404));
  if (method !== "OPTIONS") return Promise.reject(new HttpError(405));
  return Promise.resolve(new Response(null, { status: 204, headers: { Allow: match.allowed.join(", ") } }));
}

/** Answers what no error route took. Only the message of an HttpError is meant for the client. */
function plainError(error: unknown): Response {
  const known = error instanceof HttpError;
  // deno-lint-ignore no-console
  if (!known || error.status >= 500) console.error(error);
  if (known) return new Response(error.message || STATUS_TEXT[error.status], { status: error.status });
  return new Response("Internal server error", { status: 500 });
}

/** What `listen()` takes: the options of `Deno.serve` for TCP, certificate included. */
export type ListenOptions = Partial<Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem>;

/** Starts to serve, on port 8000 unless told otherwise. */
export function listen(handler: Handler, options: ListenOptions): Promise<void> {
  return Promise.try(() =>
    void Deno.serve({ ...options, port: options.port || 8000 } as Deno.ServeTcpOptions, handler)
  );
}
