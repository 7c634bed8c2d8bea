import { type ComponentType, Fragment, h, options, type VNode } from "preact";
import { jsxTemplate } from "preact/jsx-runtime";
import { renderToString } from "preact-render-to-string";
import { Head } from "./runtime.ts";
import { serializeProps } from "./serialize.ts";
import type { Island, Snapshot } from "./snapshot.ts";

/** What one rendering of one page collects on its way. */
class Rendering {
  readonly nonce: string = crypto.randomUUID().replaceAll("-", "");
  /** The components of the islands, each once. */
  readonly components: Island[] = [];
  /** The islands, as JSON: the index of each one's component, and its props. */
  readonly islands: string[] = [];
  /** Elements from `<Head>` that are still to be put into the document. */
  readonly head = new Map<string, VNode>();
  /** Which of `html`, `head` and `body` the page brought itself. */
  readonly seen = new Set<string>();
  headDepth = 0;
  islandDepth = 0;

  constructor(readonly snapshot: Snapshot, readonly basePath: string, readonly css: readonly string[]) {}
}

// Rendering is synchronous, so one variable serves every request.
let current: Rendering | null = null;

// Preact tells of every vnode before (`__b`) and after (`diffed`) it is rendered, also in precompiled templates.
interface DiffHooks {
  __b?: (vnode: VNode) => void;
  diffed?: (vnode: VNode) => void;
}
const hooks = options as unknown as DiffHooks;
const { __b: before, diffed: after } = hooks;
hooks.__b = (vnode) => {
  if (current) {
    // An element that is made once and used on many pages comes back as the last page left it.
    Object.assign(vnode, originals.get(vnode));
    typeof vnode.type === "string" ? enterElement(current, vnode) : enterComponent(current, vnode);
  }
  before?.(vnode);
};
hooks.diffed = (vnode) => {
  if (current && vnode.type === Head) current.headDepth--;
  if (current && hydrated.has(vnode)) current.islandDepth--;
  after?.(vnode);
};

/** `h()` for what is made here, without a type for each kind of props. */
const create = h as unknown as (
  type: string | (() => unknown),
  props: object | null,
  ...children: VNode[]
) => VNode;

/** What the vnodes that were changed here had been. */
const originals = new WeakMap<VNode, Pick<VNode, "type" | "props">>();

function change(vnode: VNode, to: Partial<Pick<VNode, "type" | "props">>): void {
  if (!originals.has(vnode)) originals.set(vnode, { type: vnode.type, props: vnode.props });
  Object.assign(vnode, to);
}

/** The vnodes that the browser will hydrate. Islands below them are ordinary components. */
const hydrated = new WeakSet<VNode>();

function enterComponent(rendering: Rendering, vnode: VNode): void {
  const type = vnode.type as ComponentType;
  if (vnode.type === Head) rendering.headDepth++;
  if (hydrated.has(vnode)) rendering.islandDepth++;
  const island = rendering.islandDepth === 0 && !hydrated.has(vnode) && rendering.snapshot.islands.get(type);
  if (!island) return;
  const render = (props: object) => {
    if (!rendering.components.includes(island)) rendering.components.push(island);
    rendering.islands.push(`[${rendering.components.indexOf(island)},${serializeProps(island.name, props)}]`);
    const child = h(type, props);
    hydrated.add(child);
    return h(Fragment, null, comment("frsh:island"), child, comment("/frsh:island"));
  };
  change(vnode, { type: render });
}

const HEAD_ELEMENTS = /^(title|meta|link|script|style|base|noscript|template)$/;

function enterElement(rendering: Rendering, vnode: VNode): void {
  const type = vnode.type as string;
  if (type === "html" || type === "head" || type === "body") rendering.seen.add(type);
  if (type === "head") append(vnode, create(RestOfHead, null));
  if (type === "body") append(vnode, create(BootScript, null));
  if (type === "script" || type === "style") {
    const { nonce } = vnode.props as { nonce?: string };
    change(vnode, { props: { ...vnode.props, nonce: nonce || rendering.nonce } as VNode["props"] });
  }
  if (!HEAD_ELEMENTS.test(type)) return;
  const key = headKey(vnode);
  if (rendering.headDepth > 0) {
    rendering.head.set(key, create(type, vnode.props));
    change(vnode, { type: () => null });
  } else {
    const replacement = rendering.head.get(key);
    if (replacement) change(vnode, { props: replacement.props });
    rendering.head.delete(key);
  }
}

function headKey(vnode: VNode): string {
  if (vnode.key !== null && vnode.key !== undefined) return String(vnode.key);
  if (vnode.type === "title") return "title";
  const identity = Object.entries(vnode.props)
    .filter(([name]) => !["children", "content", "href", "nonce", "ref"].includes(name));
  return `${vnode.type} ${JSON.stringify(identity.sort(([a], [b]) => a < b ? -1 : 1))}`;
}

function append(vnode: VNode, child: VNode): void {
  change(vnode, { props: { ...vnode.props, children: [vnode.props.children, child] } });
}

function comment(text: string): VNode {
  return h(Fragment, { UNSTABLE_comment: text } as Record<string, unknown>);
}

function raw(html: string): VNode {
  return jsxTemplate([html]) as VNode;
}

function RestOfHead(): VNode[] {
  if (!current) return [];
  const rest: VNode[] = current.css.map((href) => create("link", { rel: "stylesheet", href }));
  rest.push(...current.head.values());
  current.head.clear();
  return rest;
}

/** The inline script of a page with islands. A page without any has none, but for reloading in development. */
function BootScript(): VNode[] {
  if (!current) return [];
  const { components, islands, snapshot, basePath } = current;
  const scripts: string[] = [];
  if (islands.length > 0) {
    const from = (file: string) => `from${JSON.stringify(basePath + file)};`;
    const imports = components.map(({ exportName, file }, i) =>
      `import{${exportName} as c${i}}${from(file)}`
    );
    // A string in a script: neither `</script` nor `<!--` can occur in it, nor a line separator.
    const json = JSON.stringify(`[${islands.join()}]`).replaceAll(/[<\u2028\u2029]/g, escape);
    const names = components.map((_, i) => `c${i}`).join();
    scripts.push(`import{boot}${from(snapshot.client)}${imports.join("")}boot([${names}],${json});`);
  }
  if (snapshot.revision !== undefined) {
    const [url, revision] = [basePath + ALIVE_PATH, snapshot.revision].map((text) => JSON.stringify(text));
    scripts.push(`new EventSource(${url}).onmessage=(e)=>e.data===${revision}||location.reload();`);
  }
  return scripts.map((__html) => create("script", { type: "module", dangerouslySetInnerHTML: { __html } }));
}

function escape(char: string): string {
  return "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0");
}

/** Where, in development, an open page learns that the server was restarted. */
export const ALIVE_PATH = "/_frsh/alive";

/** A rendered page, with what its response needs besides. */
export interface RenderedPage {
  html: string;
  nonce: string;
  /** URL paths of the scripts that the browser will need. */
  preload: string[];
}

/** Options of {@linkcode renderPage}. */
export interface RenderOptions {
  snapshot: Snapshot;
  basePath: string;
  css: readonly string[];
  /** The app wrapper, if any, and the slot that it shows the page from. */
  wrapper: VNode | null;
  slot: { page: VNode | null };
}

/** Renders a page, and the document around it where it brings none. Throws what a component throws. */
export function renderPage(page: VNode | null, options: RenderOptions): RenderedPage {
  const { snapshot, wrapper, slot } = options;
  const rendering = current = new Rendering(snapshot, options.basePath, options.css);
  try {
    // The page goes first, so that its <Head> is known when the wrapper's <head> is rendered.
    let html = renderToString(page ?? h(Fragment, null));
    if (wrapper) {
      slot.page = raw(html);
      html = renderToString(wrapper);
    }
    if (rendering.seen.size < 3) {
      let document: VNode = raw(html);
      if (!rendering.seen.has("body")) document = create("body", null, document);
      if (!rendering.seen.has("head")) {
        document = h(Fragment, null, create("head", null, create("meta", { charset: "utf-8" })), document);
      }
      if (!rendering.seen.has("html")) document = create("html", null, document);
      html = renderToString(document);
    }
    const files = new Set(rendering.components.map((island) => island.file));
    const preload = files.size > 0 ? [snapshot.client, ...files] : [];
    return { html: `<!DOCTYPE html>${html}`, nonce: rendering.nonce, preload };
  } finally {
    current = null;
  }
}
