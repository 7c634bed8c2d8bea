/** The bounds of a feed. */

/** A viewer or a returning listener that missed more than this gets the newest of them, and a gap for the others. */
export const CATCH_UP_LIMIT = 10_000;

/**
 * A gap counts what its viewer is not sent. One that returns has a few logs already which its cursor has not seen: those of the
 * transactions that had just committed. They are the oldest of what it missed, so it is sent so many of these again.
 */
export const GAP_HEAD = 1000;

/** The recent past that is kept of an organization. */
export const RECENT = { logs: 10_000, bytes: 8 * 1024 * 1024 };

/** Ids that are remembered: more than a transaction announces before it says that there are more. */
export const SEEN = 3 * RECENT.logs;

/** How long what was fetched for one viewer is kept for others that missed the same, in milliseconds. */
export const KEPT_MILLISECONDS = 10_000;

/** What may wait for the next flush. Far below what is kept, so that nothing is given up before it was handed on. */
export const UNFLUSHED = { logs: 1000, bytes: 2 * 1024 * 1024 };

/** Viewers that are written to without a look at the time. */
export const STEP = 32;

/** Announcements that may wait, and characters of them; over it they are dropped and caught up from the table. */
export const MOST_WAITING = { announcements: 1000, characters: 8 * 1024 * 1024 };

/** Rows read back in one query, of at most 1 MiB each. */
export const READ_BATCH = 50;

/** How long announcements may still come of what was visible in the cursor with which the feed began, in milliseconds. */
export const SETTLING = 30_000;
