import { type ComponentType, h, render } from "preact";

/**
 * Gives the islands of a server-rendered page their life. The nodes between an island's two comments become its own.
 *
 * @param components The components on this page
 * @param json For every island on the page, in order: which component it is, and its props
 */
export function boot(components: ComponentType[], json: string): void {
  const islands: [component: number, props: Record<string, unknown>][] = JSON.parse(json);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  const markers: Comment[] = [];
  while (walker.nextNode()) {
    const comment = walker.currentNode as Comment;
    if (/^\/?frsh:island$/.test(comment.data)) markers.push(comment);
  }
  islands.forEach(([component, props], i) => {
    const [start, end] = markers.slice(i * 2);
    const type = components[component];
    if (type && start?.parentNode && end) render(h(type, props), rootBetween(start.parentNode, start, end));
  });
}

/** A container for preact that consists of what stands between two nodes. Preact uses no more of it than this. */
function rootBetween(parent: ParentNode, start: Node, end: Node): Element {
  const insertBefore = (node: Node, before: Node | null) => parent.insertBefore(node, before ?? end);
  const childNodes = () => {
    const nodes: Node[] = [];
    for (let node = start.nextSibling; node && node !== end; node = node.nextSibling) nodes.push(node);
    return nodes;
  };
  return {
    nodeType: 1,
    parentNode: parent,
    namespaceURI: (parent as Element).namespaceURI,
    get firstChild() {
      return childNodes()[0] ?? null;
    },
    get childNodes() {
      return childNodes();
    },
    contains: (node: Node) => parent.contains(node),
    insertBefore,
    appendChild: (node: Node) => insertBefore(node, null),
    removeChild: (node: Node) => parent.removeChild(node),
  } as unknown as Element;
}
