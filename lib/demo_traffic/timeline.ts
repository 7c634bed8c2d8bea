/** What is still to happen, soonest first. A binary heap; entries of the same moment keep their order. */

/** Entries by time. */
export interface Timeline<T> {
  readonly size: number;
  /** When the first entry is due; `Infinity` when there is none. */
  readonly due: number;
  add(at: number, entry: T): void;
  /** Takes the first entry out. */
  take(): { readonly at: number; readonly entry: T } | undefined;
  /** Moves everything by so many milliseconds. */
  shift(by: number): void;
}

/** An empty timeline. */
export function createTimeline<T>(): Timeline<T> {
  interface Node {
    at: number;
    readonly order: number;
    readonly entry: T;
  }
  const heap: Node[] = [];
  let added = 0;
  const at = (index: number) => heap[index] as Node;
  const before = (a: Node, b: Node) => a.at < b.at || (a.at === b.at && a.order < b.order);
  const swap = (a: number, b: number) => [heap[a], heap[b]] = [at(b), at(a)];

  return {
    get size() {
      return heap.length;
    },
    get due() {
      return heap[0]?.at ?? Infinity;
    },
    add(time, entry) {
      let index = heap.push({ at: time, order: added++, entry }) - 1;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!before(at(index), at(parent))) break;
        swap(index, parent);
        index = parent;
      }
    },
    take() {
      const first = heap[0];
      const last = heap.pop();
      if (!first || !last) return undefined;
      if (heap.length === 0) return first;
      heap[0] = last;
      for (let index = 0;;) {
        const left = 2 * index + 1;
        let least = index;
        if (left < heap.length && before(at(left), at(least))) least = left;
        if (left + 1 < heap.length && before(at(left + 1), at(least))) least = left + 1;
        if (least === index) return first;
        swap(index, least);
        index = least;
      }
    },
    shift(by) {
      for (const node of heap) node.at += by;
    },
  };
}
