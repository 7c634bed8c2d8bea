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
  /** Announcements may still come of what was visible in the first cursor. */
  readonly settling: boolean;
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
  const here = new Set<number>();
  const later = new Set<number>();
  for (const { log: { id }, xid } of [...head, ...logs]) {
    if (announced.has(id)) here.add(id);
    else if (seen.has(id)) continue;
    // What is visible in the cursor was announced before it. Of the rest, what was not heard of yet still will be.
    else if (known === null || !isVisible(xid, known)) later.add(id);
    // Committed between LISTEN and the first cursor: nobody was promised its announcement, which may be on its way.
    else if (settling) seen.add(id, recent.next);
  }
  return { here, later };
}
