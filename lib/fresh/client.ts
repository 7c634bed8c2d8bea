import { type ComponentType, h, render } from "preact";
import { setBuildId } from "./shared.ts";

/** Gives the islands of a page, listed in `json`, their life. What stands between their comments becomes their own. */
export function boot(modules: Record<string, Record<string, ComponentType>>, json: string): void {
  const { buildId, islands } = JSON.parse(json);
  setBuildId(buildId);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  const markers: Node[] = [];
  while (walker.nextNode()) {
    if (/^\/?frsh:island$/.test(walker.currentNode.nodeValue ?? "")) markers.push(walker.currentNode);
  }
  islands.forEach(([id, name, props]: [id: string, name: string, props: object], i: number) => {
    const [start, end] = markers.slice(i * 2);
    const component = modules[id]?.[name];
    if (start && end && component) render(h(component, props), rootBetween(start, end));
  });
}

/** A container for preact that consists of what stands between two nodes. Preact uses no more of it than this. */
function rootBetween(start: Node, end: Node): Element {
  const parent = end.parentNode as Element;
  const childNodes: Node[] = [];
  for (let node = start.nextSibling; node && node !== end; node = node.nextSibling) childNodes.push(node);
  return {
    namespaceURI: parent.namespaceURI,
    firstChild: childNodes[0] ?? null,
    childNodes,
    insertBefore: (node: Node, before: Node | null) => parent.insertBefore(node, before ?? end),
  } as unknown as Element;
}
