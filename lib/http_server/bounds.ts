/** What holds for connections of every kind. */

/** Bytes of a request's header: the longest query string and a browser's cookies. */
export const HEADER_BYTES = 80 * 1024;

/** How long a connection waits for its next request, in milliseconds: longer than proxies keep theirs, or they would meet its end. */
export const IDLE = 75_000;
