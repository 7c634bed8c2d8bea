import { type ComponentChild, type ComponentChildren, type ComponentType, createContext, h } from "preact";
import { isValidElement, options, toChildArray, type VNode } from "preact";
import { useContext } from "preact/hooks";
import { jsxTemplate } from "preact/jsx-runtime";
import { renderToString } from "preact-render-to-string";
import { isDeepStrictEqual } from "node:util";
import { HeadContext } from "./shared.ts";
import { islands, snapshot } from "./snapshot.ts";

/** Where, in development, an open page keeps a connection that tells it of the server's restart. */
export const ALIVE_PATH = "/_frsh/alive";

// Rendering is synchronous, so one variable serves every request.
let current: { nonce: string; head: ComponentChildren[]; islands: string[] } | null = null;

/** Renders a page, in what `wrap` puts around it, and the document where they bring none. Throws as components do. */
export function renderPage(page: VNode | null, basePath: string, wrap: (page: VNode) => VNode) {
  const head: ComponentChildren[] = [];
  const islands: string[] = [];
  const nonce = crypto.randomUUID().replaceAll("-", "");
  current = { nonce, head, islands };
  try {
    // The page goes first, so that its <Head> is known when the wrapper's <head> is rendered.
    const collect = (children: ComponentChildren) => void head.push(children);
    let html = renderToString(wrap(raw(renderToString(h(HeadContext.Provider, { value: collect }, page)))));
    if (!html.startsWith("<html")) {
      const head = h("head", null, h("meta", { charset: "utf-8" }));
      html = renderToString(h("html", null, head, h("body", null, raw(html))));
    }
    const script = inlineScript(islands, basePath);
    const element = script && `<script type="module" nonce="${nonce}">${script}</script>`;
    html = html.replace(/(<\/body><\/html>)?$/, (end) => element + end);
    return { html: `<!DOCTYPE html>${html}`, nonce, islands };
  } finally {
    current = null;
  }
}

/** The script of a page with islands. A page without any has none, but for reloading in development. */
function inlineScript(islands: string[], basePath: string): string {
  // Neither `</script` nor `<!--` can occur in a string whose `<` are escaped.
  const quote = (text: string) => JSON.stringify(text).replaceAll("<", "\\u003c");
  const json = `{"buildId":"${snapshot.id}","islands":[${islands}]}`;
  const start = `import boot from${quote(basePath + snapshot.script)};boot(${quote(json)});`;
  const alive = quote(basePath + ALIVE_PATH);
  const reload = `let n=0;new EventSource(${alive}).onopen=()=>n++&&location.reload();`;
  return (islands.length > 0 ? start : "") + (snapshot.mode === "development" ? reload : "");
}

// Preact calls this with every vnode that it is about to render, also in precompiled templates.
const hooks = options as { __b?: (vnode: VNode) => void };
const before = hooks.__b;
hooks.__b = (vnode) => {
  const { type, props } = vnode;
  const isSpecial = typeof type === "string" ? /^(head|script|style)$/.test(type) : islands.has(type);
  // An element that is made once and used on many pages stays a Special, which renders anew for each.
  if (current && isSpecial && !made.has(vnode)) {
    Object.assign(vnode, { type: Special, props: { type, props } });
  }
  before?.(vnode);
};

/** What {@linkcode Special} made: that is rendered as it is. */
const made = new WeakSet<object>();

/** Whether an island is around. One in another is an ordinary component. */
const InIsland = createContext(false);

/** Stands for what renders differently here: `<head>` with more in it, a script with the nonce, an island. */
function Special({ type, props }: { type: VNode["type"]; props: VNode["props"] & { nonce?: string } }) {
  const { nonce, head, islands: found } = current!;
  const isInIsland = useContext(InIsland);
  const island = islands.get(type as ComponentType);
  if (type === "head") props = { ...props, children: withoutReplaced([props.children, head]) };
  else if (!island) props = { ...props, nonce: props.nonce || nonce };
  const vnode = h(type as string, props);
  made.add(vnode);
  if (!island || isInIsland) return vnode;
  const [id, name] = island.map((text) => JSON.stringify(text));
  found.push(`[${id},${name},${serializeProps((type as ComponentType).name, props)}]`);
  return h(InIsland.Provider, { value: true }, raw("<!--frsh:island-->"), vnode, raw("<!--/frsh:island-->"));
}

/** Drops what a later element of the head takes the place of: the title, a `<meta>` of that name, the same key. */
function withoutReplaced(elements: ComponentChildren): ComponentChild[] {
  const children = toChildArray(elements).filter(isValidElement);
  const identity = ({ key, type, props }: VNode<{ name?: string }>) =>
    key ?? (type === "title" ? type : props.name);
  return [...new Map(children.map((vnode) => [identity(vnode) ?? vnode, vnode])).values()];
}

/** Makes JSON of an island's props. Throws if that would drop or change a value, naming the island and the prop. */
export function serializeProps(island: string, props: object): string {
  const bad = Object.entries(props).find(([, value]) => value !== undefined && !isJson(value));
  if (bad) throw new TypeError(`Cannot serialise prop "${bad[0]}" of island ${island}: it is no plain JSON`);
  return JSON.stringify(props);
}

function isJson(value: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

function raw(html: string): VNode {
  return jsxTemplate([html]) as VNode;
}
