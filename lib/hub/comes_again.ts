/** What a fetch and the recent past have in common. */

import { isVisible, parseCursor } from "../cursor.ts";
import type { Fetched } from "./ports.ts";
import type { RecentIds, RecentLogs } from "./recent.ts";

/** What a feed knows. */
export interface Known {
  readonly recent: RecentLogs;
  /** The newest cursor that is true for all that came in; null before the first. */
  readonly cursor: string | null;
  /** Ids that came in. */
  readonly seen: RecentIds;
  /** Announcements may still come of what is visible in this cursor, although nothing of it waits for them; null: of nothing. */
  readonly settling: string | null;
}

/** Which of the fetched logs whoever goes on from a position comes upon once more: those that are there, and that will be. */
export function comesAgain(
  { head, logs }: Pick<Fetched, "head" | "logs">,
  from: number,
  { recent, cursor, seen, settling }: Known,
): { here: Set<number>; later: Set<number> } {
  const announced = new Set<number>();
  for (let position = from; position < recent.next; position++) {
    const entry = recent.at(position);
    if (entry) announced.add(entry.log.id);
  }
  const known = cursor === null ? null : parseCursor(cursor);
  const settled = settling === null ? null : parseCursor(settling);
  const here = new Set<number>();
  const later = new Set<number>();
  for (const { log: { id }, xid } of [...head, ...logs]) {
    if (announced.has(id)) here.add(id);
    else if (seen.has(id)) continue;
    // What is visible in the cursor was announced before it. Of the rest, what was not heard of yet still will be.
    else if (known === null || !isVisible(xid, known)) later.add(id);
    // Committed between LISTEN and that cursor: nobody was promised its announcement, which may be on its way.
    else if (settled !== null && isVisible(xid, settled)) seen.add(id, recent.next);
    // Never announced: once that is found out it is for everybody.
  }
  return { here, later };
}
