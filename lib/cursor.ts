/**
 * Cursors: PostgreSQL snapshots as text, `xmin:xmax:xip,xip,...` (PostgreSQL manual 9.27.8, `pg_snapshot`). A cursor says
 * "everything visible in this snapshot was delivered". Pure.
 */

/** A snapshot: ids below `xmin` have ended, ids from `xmax` on have not begun, those in `xip` were running. */
export interface Cursor {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly xip: readonly bigint[];
}

/** A cursor lists every open transaction; more than this is not one of ours. */
export const MAX_CURSOR_LENGTH = 8192;

/** A text that is no cursor. */
export class CursorError extends Error {
  override readonly name = "CursorError";
}

/** The greatest transaction id that PostgreSQL takes in a snapshot: it compares them as signed numbers. */
const MAX_XID = 2n ** 63n - 1n;

/**
 * Reads a cursor, as strictly as PostgreSQL reads a `pg_snapshot`.
 *
 * @throws {CursorError} when the text is not a snapshot
 */
export function parseCursor(text: string): Cursor {
  if (text.length > MAX_CURSOR_LENGTH) throw new CursorError("Not a cursor: it is too long");
  return parseSnapshot(text);
}

/**
 * The same for what PostgreSQL itself says, which has no bound: hundreds of transactions may be open.
 *
 * @throws {CursorError} when the text is not a snapshot
 */
export function parseSnapshot(text: string): Cursor {
  const parts = /^([0-9]{1,20}):([0-9]{1,20}):([0-9]{1,20}(?:,[0-9]{1,20})*)?$/u.exec(text);
  if (!parts) throw new CursorError("Not a cursor, expected a snapshot such as 7310:7315:7310,7312");
  const xmin = BigInt(parts[1] ?? "");
  const xmax = BigInt(parts[2] ?? "");
  const xip = parts[3] === undefined ? [] : parts[3].split(",").map(BigInt);
  const ordered = xip.every((xid, i) => xid >= xmin && xid < xmax && (i === 0 || xid > (xip[i - 1] ?? 0n)));
  if (xmin === 0n || xmin > xmax || xmax > MAX_XID || !ordered) {
    throw new CursorError("Not a cursor: its transaction ids are out of order");
  }
  return { xmin, xmax, xip };
}

/** The text that {@link parseCursor} reads back. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.xmin}:${cursor.xmax}:${cursor.xip.join(",")}`;
}

/** Whether a transaction was visible in the snapshot (as PostgreSQL's `pg_visible_in_snapshot`). */
export function isVisible(xid: bigint, cursor: Cursor): boolean {
  return xid < cursor.xmin || (xid < cursor.xmax && !cursor.xip.includes(xid));
}

/**
 * The cursor of whoever stood at `since` and then was sent what `until` shows of the transactions up to `xid`, and nothing of
 * later ones: where a catch-up in the order of transactions has got to.
 */
export function cursorUpTo(xid: bigint, { since, until }: { since: Cursor; until: Cursor }): Cursor {
  const end = xid < until.xmax ? xid + 1n : until.xmax;
  const xmax = since.xmax > end ? since.xmax : end;
  const open = since.xip.filter((running) => running > xid || !isVisible(running, until));
  const later = until.xip.filter((running) => running >= since.xmax && running <= xid);
  return askedCursor(shorten({ xmin: 0n, xmax, xip: [...open, ...later] }));
}

/**
 * A snapshot that did not come with an announcement, as a cursor. The same text from an announcement stands for more: whoever holds
 * that was also sent what committed until it was announced (see `RecentLogs.mark`). So this one is written as PostgreSQL
 * never writes its own, whose xmin is the first running transaction, or xmax: one below says the same.
 */
export function askedCursor({ xmax, xip }: Cursor): Cursor {
  const first = lowest({ xmax, xip });
  // PostgreSQL's ids begin at 3.
  return { xmin: first > 1n ? first - 1n : first, xmax, xip };
}

/** The same for texts. */
export function asked(text: string): string {
  return formatCursor(askedCursor(parseCursor(text)));
}

/** The first transaction that a cursor has not seen. */
export function lowest({ xmax, xip }: Pick<Cursor, "xmax" | "xip">): bigint {
  return xip[0] ?? xmax;
}

/** The open transactions that a cursor of ours lists at most: it has to fit a header and an address. */
const MOST_OPEN = 300;

/**
 * A cursor that claims less where hundreds of transactions are open, so that it is still short: a snapshot stays true when its
 * xmax is lowered to a transaction that was running.
 */
export function shorten(cursor: Cursor): Cursor {
  const xmax = cursor.xip[MOST_OPEN];
  return xmax === undefined ? cursor : { ...cursor, xmax, xip: cursor.xip.slice(0, MOST_OPEN) };
}

/**
 * The better of two cursors that are both true for the same viewer: the one with the greater xmax, which is the newer.
 * Either may be missing.
 */
export function newerCursor(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return xmaxOf(b) >= xmaxOf(a) ? b : a;
}

/** The same cursor for a database that has handed out no transaction id from `xid` on since: none of them is claimed. */
export function clampCursor(text: string, xid: bigint): string {
  const { xmin, xmax, xip } = parseCursor(text);
  if (xmax <= xid) return text;
  return formatCursor({ xmin: xmin < xid ? xmin : xid, xmax: xid, xip: xip.filter((one) => one < xid) });
}

/** The xmax of a cursor as text, without reading the rest. */
export function xmaxOf(text: string): bigint {
  return BigInt(text.slice(text.indexOf(":") + 1, text.lastIndexOf(":")));
}
