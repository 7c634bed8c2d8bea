/** The request methods that can be routed. */
export type Method = "HEAD" | "GET" | "POST" | "PATCH" | "PUT" | "DELETE" | "OPTIONS";

/** Every method, for what handles them all. */
export const ALL_METHODS: readonly Method[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** What {@linkcode Router.match} found. `item` is null where the path is known and the method is not. */
export interface Match<T> {
  route: string;
  params: Record<string, string>;
  item: T | null;
  allowed: Method[];
}

interface Entry<T> {
  route: string;
  pattern: URLPattern | null;
  items: Map<Method, T>;
}

/** Finds what was added for a URL: literal paths first, then patterns in the order they were added. */
export class Router<T> {
  #literals = new Map<string, Entry<T>>();
  #patterns: Entry<T>[] = [];

  /** Adds `item` for a URLPattern pathname. The first item added for a path and method wins. */
  add(methods: readonly Method[], route: string, item: T): void {
    const dynamic = /[*:{}+?()]/.test(route);
    let entry = dynamic ? this.#patterns.find((e) => e.route === route) : this.#literals.get(route);
    if (!entry) {
      entry = { route, pattern: dynamic ? new URLPattern({ pathname: route }) : null, items: new Map() };
      if (dynamic) this.#patterns.push(entry);
      else this.#literals.set(route, entry);
    }
    for (const method of methods) if (!entry.items.has(method)) entry.items.set(method, item);
  }

  /** Matches with or without a trailing slash; HEAD falls back to GET. Throws URIError on a malformed escape. */
  match(method: Method, url: URL): Match<T> | null {
    const { pathname } = url;
    const sibling = pathname.endsWith("/") ? pathname.slice(0, -1) : pathname + "/";
    const literal = this.#literals.get(pathname) ?? this.#literals.get(sibling);
    if (literal) return this.#found(literal, method, {});
    for (const entry of this.#patterns) {
      const groups = entry.pattern?.exec(url)?.pathname.groups;
      if (groups) return this.#found(entry, method, groups);
    }
    return null;
  }

  #found({ route, items }: Entry<T>, method: Method, groups: Record<string, string | undefined>): Match<T> {
    const item = items.get(method) ?? (method === "HEAD" ? items.get("GET") : undefined) ?? null;
    const params: Record<string, string> = Object.create(null);
    for (const [name, value] of Object.entries(groups)) params[name] = decodeURI(value ?? "");
    return { route, params, item, allowed: [...items.keys()] };
  }
}

/** Joins a base path and a pattern. `*` stands for everything below the base. */
export function joinPath(base: string, path: string): string {
  if (path === "*") path = "/*";
  return base !== "" && path === "/" ? base : base + path;
}

/** Turns the path of a route file into a pattern's: `/(all)/logs/[id]` into `/(all)/logs/:id`. */
export function bracketsToParams(id: string): string {
  return id.replaceAll(/\[\.\.\.([^\]]+)\]/g, ":$1*").replaceAll(/\[([^\]]+)\]/g, ":$1");
}

/** The URLPattern pathname of a route file: `/(all)/logs/[id]` is `/logs/:id`, `/logs/index` is `/logs`. */
export function fileToPattern(id: string): string {
  const parts = id.split("/").filter((part) => part !== "" && !/^\(.*\)$/.test(part));
  if (parts.at(-1) === "index") parts.pop();
  return "/" + bracketsToParams(parts.join("/"));
}

/** Orders route files so that at every folder literals come before `[param]`, and that before `[...rest]`. */
export function compareRoutes(a: string, b: string): number {
  const rank = (part = "") => part.startsWith("[...") ? 2 : part.includes("[") ? 1 : 0;
  const [left, right] = [a.split("/"), b.split("/")];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = rank(left[i]) - rank(right[i]) || (left[i] ?? "").localeCompare(right[i] ?? "", "en");
    if (order !== 0) return order;
  }
  return right.length - left.length;
}
