/**
 * Keeps the viewport where it belongs: at the newest row while the reader follows, else at the very row that the reader
 * looks at, whatever is added below or taken away above.
 */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { LiveTail } from "./model.ts";

/** So close to the end counts as the end: zoomed pages have fractions of pixels. */
const SLACK = 4;

/** So close to what is not there yet, in pixels, it is fetched. */
const AHEAD = 400;

/**
 * A row and its place among all rows, in pixels from their beginning. Not its place in the viewport: browsers scroll first
 * and tell later, so by the time of a render the reader may have scrolled on already.
 */
interface Anchor {
  readonly row: HTMLElement;
  readonly place: number;
}

/** Ties a scrolling element to the page. To be called in every render that changes rows. */
export function useFollow(tail: LiveTail, ref: RefObject<HTMLElement>): void {
  const anchor = useRef<Anchor | null>(null);
  /** Where we scrolled to ourselves: the event that follows is not the reader's. */
  const ours = useRef(-1);
  const following = tail.following.value && !tail.paused.value;

  useLayoutEffect(() => {
    const scroller = ref.current;
    if (!scroller) return;
    const revealed = tail.reveal.peek() === null
      ? null
      : document.getElementById(`row-${tail.reveal.peek()}`);
    if (revealed) {
      tail.reveal.value = null;
      revealed.scrollIntoView({ block: "center" });
      ours.current = scroller.scrollTop;
    } else if (following) {
      scroller.scrollTop = scroller.scrollHeight;
      ours.current = scroller.scrollTop;
    } else if (anchor.current?.row.isConnected) {
      const moved = placeOf(scroller, anchor.current.row) - anchor.current.place;
      if (moved !== 0) {
        scroller.scrollTop += moved;
        ours.current = scroller.scrollTop;
      }
    }
    anchor.current = following ? null : anchorOf(scroller);
  });

  useEffect(() => {
    const scroller = ref.current;
    if (!scroller) return;
    let last = scroller.scrollTop;
    tail.measureAbove(() => firstVisible(scroller));

    const onScroll = () => {
      const { scrollTop } = scroller;
      const byReader = scrollTop !== ours.current;
      const up = scrollTop < last;
      last = scrollTop;
      if (!byReader) return;
      ours.current = -1;
      if (up) tail.follow(false);
      else if (fromEnd(scroller) <= SLACK && !laterIn(scroller)) tail.follow(true);
      if (!tail.following.peek() || tail.paused.peek()) anchor.current = anchorOf(scroller);
      tail.admit();
      if (!tail.following.peek()) fetchAround(tail, scroller, up);
    };
    // Smooth scrolling begins with a pixel or two, which alone would still count as the end.
    const onWheel = (event: WheelEvent) => {
      if (event.deltaY < 0 && scroller.scrollTop > 0) tail.follow(false);
    };
    // Whoever selects text reads it, and what is selected must stay.
    const onSelect = () => {
      const selection = getSelection();
      if (selection?.isCollapsed === false && scroller.contains(selection.anchorNode)) tail.follow(false);
    };
    const resized = new ResizeObserver(() => {
      if (!tail.following.peek() || tail.paused.peek()) return;
      scroller.scrollTop = scroller.scrollHeight;
      ours.current = scroller.scrollTop;
    });

    scroller.addEventListener("scroll", onScroll, { passive: true });
    scroller.addEventListener("wheel", onWheel, { passive: true });
    document.addEventListener("selectionchange", onSelect);
    resized.observe(scroller);
    return () => {
      document.removeEventListener("selectionchange", onSelect);
      scroller.removeEventListener("scroll", onScroll);
      scroller.removeEventListener("wheel", onWheel);
      resized.disconnect();
    };
  }, []);
}

/** Fetches what the reader has come to: logs before the first row, those of gaps, and those that follow another time. */
function fetchAround(tail: LiveTail, scroller: HTMLElement, up: boolean): void {
  const later = laterIn(scroller);
  if (later && later.getBoundingClientRect().top < scroller.getBoundingClientRect().bottom + AHEAD) {
    return tail.loadLater();
  }
  if (!up) return;
  if (scroller.scrollTop < AHEAD) tail.loadEarlier();
  for (const { dataset } of gapsIn(scroller, AHEAD)) tail.fill(dataset.gap ?? "", false);
}

/** The row that stands for what follows another time, unless the reader is past it. */
function laterIn(scroller: HTMLElement): HTMLElement | null {
  const later = scroller.querySelector<HTMLElement>("[data-later]");
  return later && later.getBoundingClientRect().bottom > scroller.getBoundingClientRect().top ? later : null;
}

function fromEnd(scroller: HTMLElement): number {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
}

function rowsOf(scroller: HTMLElement): HTMLCollection | undefined {
  return scroller.querySelector(".rows")?.children;
}

function placeOf(scroller: HTMLElement, row: Element): number {
  return row.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
}

/** The index of the first row that is not wholly above the viewport, by bisection. */
function firstVisible(scroller: HTMLElement): number {
  const rows = rowsOf(scroller);
  if (!rows) return 0;
  const top = scroller.getBoundingClientRect().top;
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row && row.getBoundingClientRect().bottom <= top) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A gap is filled below itself: where one is in sight, the row after it is what must not move. */
function anchorOf(scroller: HTMLElement): Anchor | null {
  const row = gapsIn(scroller).at(-1)?.nextElementSibling ?? rowsOf(scroller)?.[firstVisible(scroller)];
  return row instanceof HTMLElement ? { row, place: placeOf(scroller, row) } : null;
}

/** The rows of gaps in the viewport, or so many pixels above it. */
function gapsIn(scroller: HTMLElement, ahead = 0): HTMLElement[] {
  const { top, bottom } = scroller.getBoundingClientRect();
  return [...scroller.querySelectorAll<HTMLElement>("[data-gap]")].filter((gap) => {
    const place = gap.getBoundingClientRect();
    return place.bottom > top - ahead && place.top < bottom;
  });
}
