/** How viewers are written to: in steps of a few, between which others may have their turn. */

import { encodeCursor, HEARTBEAT } from "../sse.ts";
import { STEP } from "./bounds.ts";
import type { Feed } from "./feed.ts";
import type { Piece, Place } from "./group.ts";
import type { FlushedLog } from "./recent.ts";

const encoder = new TextEncoder();

const HEARTBEAT_CHUNK = encoder.encode(HEARTBEAT);

/**
 * Hands on to the live viewers what comes before a place, the same bytes to all of a group that stand at the same one, and moves the
 * others on. `moveOn` tells the place: what comes in meanwhile is handed on to those whose turn is still to come, so that nobody waits
 * for longer than a round takes. The next flush is for the others.
 */
export function* handOn(feed: Feed, moveOn: () => Place): Generator<void> {
  const { recent } = feed;
  let logs: readonly FlushedLog[] = [];
  let [from, to] = [-1, -1];
  let written = 0;
  for (const group of feed.groups.values()) {
    let piece: Piece | null | undefined;
    for (const viewer of group.live) {
      // The database is another one since the last turn.
      if (feed.recent !== recent) return;
      const place = moveOn();
      const at = viewer.position ?? place.position;
      if (at < recent.first) group.leaveBehind(viewer);
      if (at >= place.position || at < recent.first) continue;
      if (at !== from || to !== place.position) {
        [from, to] = [at, place.position];
        logs = recent.between(from, to);
        piece = undefined;
      }
      if (piece === undefined) piece = group.encodeAll(logs, place.cursor);
      viewer.deliver(piece, place);
      if (++written % STEP === 0) yield;
    }
    for (const viewer of group.behind) {
      moveOn();
      viewer.pump();
      if (++written % STEP === 0) yield;
    }
  }
}

/** Writes the heartbeat, with the cursor to those who have not been told that of `place`; the same bytes to all. */
export function* beat(feed: Feed, place: () => Place): Generator<void> {
  let [cursor, withCursor] = ["", HEARTBEAT_CHUNK];
  const heartbeat = (told: string | null) => {
    if (told === null) return HEARTBEAT_CHUNK;
    if (told !== cursor) [cursor, withCursor] = [told, encoder.encode(encodeCursor(told) + HEARTBEAT)];
    return withCursor;
  };
  let written = 0;
  for (const group of feed.groups.values()) {
    for (const viewer of group.behind) {
      viewer.beat(null, heartbeat);
      viewer.pump();
      if (++written % STEP === 0) yield;
    }
    for (const viewer of group.live) {
      viewer.beat(place(), heartbeat);
      if (++written % STEP === 0) yield;
    }
  }
}
