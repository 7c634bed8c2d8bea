/**
 * Keeps the viewport where it belongs: at the newest row while the reader follows, else at the very row that the reader
 * looks at, whatever is added below or taken away above. Draws the rows around that place and no others.
 */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { LiveTail } from "./model.ts";
import type { Shown } from "./repeats.ts";
import { ALL, isNearEdge, type RowWindow, type Sight, windowAround, windowAtEnd } from "./row_window.ts";

/** So close to the end counts as the end: zoomed pages have fractions of pixels. */
const SLACK = 4;

/** So close to what is not there yet, in pixels, it is fetched. */
const AHEAD = 400;

/** The height of a row on one line, in pixels: no row is less high. */
const LEAST_HEIGHT = 24;

/**
 * So many rows are drawn whole in a list that has been paused for a while, in milliseconds: for the browser's own search. At once they
 * would keep the answer to the key waiting.
 */
const [ALL_PAUSED, PAUSED] = [1000, 300];

/**
 * A row and its place among all rows, in pixels from their beginning. Not its place in the viewport: browsers scroll first
 * and tell later, so by the time of a render the reader may have scrolled on already.
 */
interface Anchor {
  readonly row: HTMLElement;
  readonly place: number;
}

/** The rows to draw, and how much room the others take. */
export interface DrawnRows extends RowWindow {
  /** Pixels. */
  readonly above: number;
  readonly below: number;
}

/** Ties a scrolling element to the page, and says which of its rows are drawn. To be called in every render that changes rows. */
export function useFollow(tail: LiveTail, ref: RefObject<HTMLElement>): DrawnRows {
  const anchor = useRef<Anchor | null>(null);
  /** Where we scrolled to ourselves: the event that follows is not the reader's. */
  const ours = useRef(-1);
  /** What was drawn last, of which rows. */
  const drawn = useRef<RowWindow & { readonly rows: readonly Shown[] }>({ start: 0, end: 0, rows: [] });
  /** The height of a row that is not drawn: the mean of those that were. */
  const height = useRef(LEAST_HEIGHT);
  /** What that mean is of: other widths and another look make other heights. */
  const measured = useRef("");
  /** The key of a row that is to stand at the top: the reader went where none was drawn. */
  const target = useRef<string | null>(null);
  const [, redraw] = useState(0);
  const paused = tail.paused.value;
  const following = tail.following.value && !paused;
  const [isWhole, setWhole] = useState(false);
  const rows = tail.rows.shown.value;

  function view(): number {
    return Math.ceil((ref.current?.clientHeight ?? 0) / LEAST_HEIGHT) + 1;
  }

  /** The number of the first row in sight, among all that were there when they were drawn. */
  function firstInSight(scroller: HTMLElement): number {
    const list = scroller.querySelector(".rows");
    const { start, end } = drawn.current;
    if (!list) return 0;
    const [{ top, bottom }, sight] = [list.getBoundingClientRect(), scroller.getBoundingClientRect()];
    if (top > sight.bottom) return Math.max(0, start - Math.ceil((top - sight.top) / height.current));
    if (bottom < sight.top) return end + Math.floor((sight.top - bottom) / height.current);
    return start + firstVisible(scroller);
  }

  function choose(): RowWindow {
    const count = rows.length;
    const scroller = ref.current;
    if (following && tail.reveal.peek() === null) return windowAtEnd({ count, view: view() });
    if (paused && isWhole && count <= ALL_PAUSED) return { start: 0, end: count };
    if (count <= ALL || !scroller) return { start: 0, end: count };
    const find = (key: string | null | undefined) => {
      const number = rows.findIndex(({ entry }) => entry.key === key);
      return number < 0 ? undefined : number;
    };
    const shift = (number: number) => find(drawn.current.rows[number]?.entry.key);
    const wanted = tail.reveal.peek() ?? target.current;
    const first = (wanted === null ? anchored(scroller, find) : find(wanted)) ??
      shift(firstInSight(scroller)) ??
      count - view();
    const held = selectionIn(scroller)
      ? { start: shift(drawn.current.start) ?? 0, end: (shift(drawn.current.end - 1) ?? count - 1) + 1 }
      : null;
    return windowAround({ count, first, view: view() }, held);
  }

  /** The number, among the rows to come, of the first in sight once the anchor is in its place again. */
  function anchored(scroller: HTMLElement, find: (key: string) => number | undefined): number | undefined {
    const row = anchor.current?.row;
    if (!row?.isConnected) return undefined;
    const above = row.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    const number = find(row.id.replace("row-", ""));
    return number === undefined ? undefined : number - Math.max(0, Math.ceil(above / LEAST_HEIGHT));
  }

  const chosen = choose();
  // What it was chosen of: a render that is given up changes nothing.
  const next = { ...chosen, rows };

  useLayoutEffect(() => {
    const scroller = ref.current;
    if (!scroller) return;
    drawn.current = next;
    const goal = target.current === null ? null : document.getElementById(`row-${target.current}`);
    target.current = null;
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
    } else if (goal) {
      // Above the first row there is more to see.
      scroller.scrollTop = goal.id === `row-${rows[0]?.entry.key}` ? 0 : placeOf(scroller, goal);
      ours.current = scroller.scrollTop;
      // Only now there are rows to look at.
      queueMicrotask(() => fetchAround(tail, scroller, true));
    } else if (anchor.current?.row.isConnected) {
      const moved = placeOf(scroller, anchor.current.row) - anchor.current.place;
      if (moved !== 0) {
        scroller.scrollTop += moved;
        ours.current = scroller.scrollTop;
      }
    }
    anchor.current = following ? null : anchorOf(scroller);
    measure(scroller);
  });

  /** Finds out how high rows are, once for a look and a width; while the newest are followed, again and again. */
  function measure(scroller: HTMLElement): void {
    const list = rowsOf(scroller);
    const [first, last] = [list?.[0], list?.[list.length - 1]];
    if (!list || !first || !last) return;
    const look = `${scroller.className} ${scroller.clientWidth}`;
    if (look === measured.current && !following) return;
    const span = last.getBoundingClientRect().bottom - first.getBoundingClientRect().top;
    const mean = Math.max(LEAST_HEIGHT, span / list.length);
    const isOther = look !== measured.current && Math.abs(mean - height.current) > 1;
    measured.current = look;
    height.current = mean;
    if (isOther) redraw((times) => times + 1);
  }

  useEffect(() => {
    if (!paused) return setWhole(false);
    const timer = setTimeout(() => setWhole(true), PAUSED);
    return () => clearTimeout(timer);
  }, [paused]);

  useEffect(() => {
    const scroller = ref.current;
    if (!scroller) return;
    let last = scroller.scrollTop;
    tail.measureAbove(() => firstInSight(scroller));

    const onScroll = () => {
      const { scrollTop } = scroller;
      const byReader = scrollTop !== ours.current;
      const up = scrollTop < last;
      last = scrollTop;
      if (!byReader) return;
      ours.current = -1;
      const isAtEnd = fromEnd(scroller) <= SLACK;
      // A list that gets higher, or has fewer rows, scrolls up by itself, and is at its end all the same.
      if (up && !isAtEnd) tail.follow(false);
      else if (!up && isAtEnd && !laterIn(scroller)) tail.follow(true);
      if (!tail.following.peek() || tail.paused.peek()) {
        const first = firstInSight(scroller);
        const { start, end, rows } = drawn.current;
        const sight: Sight = { count: rows.length, first, view: view() };
        if (first < start || first >= end) {
          target.current = rows[Math.min(first, rows.length - 1)]?.entry.key ?? null;
        } else anchor.current = anchorOf(scroller);
        if (target.current !== null || isNearEdge(drawn.current, sight)) redraw((times) => times + 1);
      }
      tail.admit();
      if (!tail.following.peek()) fetchAround(tail, scroller, up);
    };
    // Smooth scrolling begins with a pixel or two, which alone would still count as the end.
    const onWheel = (event: WheelEvent) => {
      if (event.deltaY < 0 && scroller.scrollTop > 0) tail.follow(false);
    };
    // Whoever selects text reads it, and what is selected must stay.
    const onSelect = () => {
      if (selectionIn(scroller)) tail.follow(false);
    };
    const resized = new ResizeObserver(() => {
      redraw((times) => times + 1);
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

  const count = rows.length;
  return { ...chosen, above: chosen.start * height.current, below: (count - chosen.end) * height.current };
}

/** Whether text of the list is selected. */
function selectionIn(scroller: HTMLElement): boolean {
  const selection = getSelection();
  return selection?.isCollapsed === false && scroller.contains(selection.anchorNode);
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
