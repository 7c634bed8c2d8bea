/** The bounds of a feed. */

/** A viewer or a returning listener that missed more than this gets the newest of them, and a gap for the others. */
export const CATCH_UP_LIMIT = 10_000;

/** The recent past that is kept of an organization. */
export const RECENT = { logs: 10_000, bytes: 8 * 1024 * 1024 };

/** What may wait for the next flush. Far below what is kept, so that nothing is given up before it was handed on. */
export const UNFLUSHED = { logs: 1000, bytes: 2 * 1024 * 1024 };

/** Announcements (of at most 8 kB each) that may wait; over it they are dropped and caught up from the table. */
export const MOST_WAITING = 1000;

/** Rows read back in one query, of at most 1 MiB each. */
export const READ_BATCH = 50;

/** How long announcements may still come of what was visible in the cursor with which the feed began, in milliseconds. */
export const SETTLING = 30_000;
