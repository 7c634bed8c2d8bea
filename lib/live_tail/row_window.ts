/** Which rows are drawn: those in sight, and some around them; the others cost nothing. Pure. */

/** Rows that are drawn, as a range of their numbers: `end` is not among them. */
export interface RowWindow {
  readonly start: number;
  readonly end: number;
}

/** How many rows are drawn beyond those in sight, on each side. */
export const AROUND = 60;

/** So many rows are drawn whole: nothing is won by less, and the browser's own search finds them all. */
export const ALL = 200;

/** What is known of the rows and of who looks at them. */
export interface Sight {
  readonly count: number;
  /** The number of the first row in sight. */
  readonly first: number;
  /** How many rows are in sight at most. */
  readonly view: number;
}

/** The rows to draw while somebody reads. `held` stays drawn as well: text is selected in it. */
export function windowAround({ count, first, view }: Sight, held: RowWindow | null = null): RowWindow {
  if (count <= ALL) return { start: 0, end: count };
  const at = Math.min(Math.max(0, first), count - 1);
  const start = Math.max(0, at - AROUND);
  const end = Math.min(count, at + view + AROUND);
  if (held === null) return { start, end };
  return { start: Math.min(start, Math.max(0, held.start)), end: Math.max(end, Math.min(count, held.end)) };
}

/** The rows to draw while the newest are followed. */
export function windowAtEnd({ count, view }: Pick<Sight, "count" | "view">): RowWindow {
  return { start: count <= ALL ? 0 : Math.max(0, count - view - AROUND), end: count };
}

/** Whether so little is left around what is in sight that other rows should be drawn. */
export function isNearEdge({ start, end }: RowWindow, { count, first, view }: Sight): boolean {
  const room = AROUND / 2;
  return (start > 0 && first - start < room) || (end < count && end - first - view < room);
}
