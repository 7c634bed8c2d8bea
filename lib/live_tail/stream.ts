/**
 * The life of one EventSource after another. After a network error the browser reconnects by itself, and does so with
 * the best cursor: it alone sees the id-only blocks. After any answer but a stream it gives up for good; then this
 * module finds out why, and opens the stream anew with backoff and with the newest cursor that it knows.
 *
 * Heartbeats are comments, which no script sees: silence is no proof of a dead connection, so there is no watchdog.
 */

import type { Log } from "../log.ts";
import type { Gap } from "../sse.ts";
import { type Answer, isCursorRefusal, isRefusal } from "./answer.ts";
import { backoffDelay } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import { readGap, readLog, readReady, readStatus } from "./events.ts";

/** What the stream says. */
export type StreamMessage =
  | { readonly kind: "connection"; readonly connection: Connection }
  /** The first word of a stream with another filter: what was shown before does not belong to it. */
  | { readonly kind: "reset" }
  | { readonly kind: "log"; readonly log: Log }
  /** `again`: in place of the gap before, whose logs were not all there yet when the connection was lost. */
  | { readonly kind: "gap"; readonly gap: Gap; readonly again: boolean }
  | { readonly kind: "note"; readonly text: string };

/** The part of an EventSource that is used. */
export interface Source {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: SourceEvent) => void): void;
  close(): void;
}

/** The part of a MessageEvent that is used; errors have neither field. */
export interface SourceEvent {
  readonly data?: string;
  readonly lastEventId?: string;
}

/** The world outside, given so that tests can replace it. */
export interface StreamIo {
  /** `new EventSource(url)` */
  readonly open: (url: string) => Source;
  /** Asks the same URL once more for its status and, where it is an error, its reason. Rejects without network. */
  readonly probe: (url: string, signal: AbortSignal) => Promise<Answer>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** As `Math.random`. */
  readonly random: () => number;
  /** Runs a function after some milliseconds; the result cancels it. */
  readonly schedule: (run: () => void, milliseconds: number) => () => void;
}

/** One stream, reopened as long as it is wanted. */
export interface Stream {
  /** Starts over with these parameters and without a cursor. */
  connect(params: URLSearchParams): void;
  /** Stops, with the reason: nothing is tried until the next `connect` or `retry`. */
  refuse(connection: Connection & { phase: "refused" }): void;
  /** Tries again now, whatever was planned; a stream that is open stays. */
  retry(): void;
  /** The device may have slept or changed its network: tries again now if the connection was known to be lost. */
  wake(): void;
  /** Ends it. */
  close(): void;
}

/** `EventSource.CLOSED` and `OPEN` (HTML standard section 9.2.2). */
const OPEN = 1;
const CLOSED = 2;

/** How many logs a new view begins with. */
export const TAIL = 200;

/** Said where the server could not take the cursor, so that nobody knows whether logs are missing. */
export const LOST_PLACE = "The server no longer knew where this page had stopped: logs may be missing here";

/** Makes a stream of `path`; nothing opens before {@link Stream.connect}. */
export function createStream(
  path: string,
  io: StreamIo,
  emit: (message: StreamMessage) => void,
): Stream {
  let params = new URLSearchParams();
  let source: Source | null = null;
  let cursor: string | null = null;
  let cursorLost = false;
  /** The cursor that the last gap followed. */
  let torn: string | null = null;
  let browserHasId = false;
  let fresh = true;
  let attempt = 0;
  let phase: Connection["phase"] = "connecting";
  let planned: (() => void) | null = null;
  let probing: AbortController | null = null;

  function say(connection: Connection): void {
    phase = connection.phase;
    emit({ kind: "connection", connection });
  }

  function drop(): void {
    planned?.();
    planned = null;
    probing?.abort();
    probing = null;
    source?.close();
    source = null;
  }

  function url(): string {
    const query = new URLSearchParams(params);
    // A resumed stream continues where it stopped; a new one begins with the newest logs.
    if (cursor === null) query.set("tail", String(TAIL));
    else query.set("lastEventId", cursor);
    return `${path}?${query}`;
  }

  function open(): void {
    drop();
    const resumes = cursor !== null;
    const opened = io.open(url());
    source = opened;
    browserHasId = false;
    /** Events of a source that was replaced meanwhile are nobody's business. */
    const on = (type: string, listener: (event: SourceEvent) => void) =>
      opened.addEventListener(type, (event) => {
        if (source === opened) listener(event);
      });
    /** As {@link on}, for events that carry data; the browser adds the last id of the stream to each. */
    const onData = (type: string, listener: (data: string) => void) =>
      on(type, ({ data = "", lastEventId }) => {
        if (lastEventId) {
          cursor = lastEventId;
          browserHasId = true;
        }
        begin();
        listener(data);
      });
    onData("ready", (data) => {
      const ready = readReady(data);
      if (ready === null) return broken();
      // After a resume the older cursor stands until an id comes: what lies between may still be on its way.
      cursor ??= ready.cursor;
      attempt = 0;
      const { cursor: _, ...status } = ready;
      say({ phase: "live", ...status });
    });
    onData("message", (data) => {
      const log = readLog(data);
      if (log === null) broken();
      else emit({ kind: "log", log });
    });
    onData("gap", (data) => {
      const gap = readGap(data);
      if (gap === null) broken();
      else {
        emit({ kind: "gap", gap, again: cursor !== null && cursor === torn });
        torn = cursor;
      }
    });
    onData("status", (data) => {
      const status = readStatus(data);
      if (status === null) broken();
      else say({ phase: "live", ...status });
    });
    on("error", () => {
      if (opened.readyState === CLOSED) void gaveUp();
      // A browser that has seen no id would begin with the newest logs again, and skip what came meanwhile.
      else if (!resumes && !browserHasId && cursor !== null) plan(null);
      else say({ phase: "reconnecting", retryAt: null, reason: null });
    });
  }

  /**
   * Before the first word of a stream: clears what another filter left, or another database, whose ids may mean other logs;
   * says where a lost cursor tore a hole.
   */
  function begin(): void {
    if (fresh || cursorLost) emit({ kind: "reset" });
    if (!fresh && cursorLost) emit({ kind: "note", text: LOST_PLACE });
    fresh = false;
    cursorLost = false;
  }

  function broken(): void {
    emit({ kind: "note", text: "The server sent something that this page does not understand" });
  }

  /** The browser will not try again. Finds out why, then plans the next attempt or stops. */
  async function gaveUp(): Promise<void> {
    const asked = url();
    drop();
    say({ phase: "reconnecting", retryAt: null, reason: null });
    const probe = new AbortController();
    probing = probe;
    const answer = await io.probe(asked, probe.signal).catch(() => null);
    if (probe.signal.aborted) return;
    probing = null;
    if (answer !== null && cursor !== null && isCursorRefusal(answer)) {
      cursor = null;
      cursorLost = true;
    } else if (answer !== null && isRefusal(answer)) {
      return refuse({
        phase: "refused",
        status: answer.status,
        problem: answer.problem ?? unexplained(answer),
      });
    }
    plan(answer);
  }

  function plan(answer: Answer | null): void {
    drop();
    // Added: all who were sent away are told the same moment, and are not to return in it together.
    const delay = backoffDelay(attempt++, io.random) + (answer?.retryAfter ?? 0);
    const reason = answer === null || answer.status < 400
      ? null
      : (answer.problem ?? unexplained(answer)).message;
    say({ phase: "reconnecting", retryAt: io.now() + delay, reason });
    planned = io.schedule(open, delay);
  }

  function refuse(connection: Connection & { phase: "refused" }): void {
    drop();
    // The rows of the filter before would stand under a filter that they do not belong to.
    if (fresh) emit({ kind: "reset" });
    say(connection);
  }

  function retry(): void {
    if (source?.readyState === OPEN) return;
    say({ phase: "reconnecting", retryAt: null, reason: null });
    open();
  }

  return {
    connect(next) {
      params = new URLSearchParams(next);
      cursor = torn = null;
      cursorLost = false;
      fresh = true;
      attempt = 0;
      say({ phase: "connecting" });
      open();
    },
    refuse(connection) {
      fresh = true;
      refuse(connection);
    },
    retry,
    wake() {
      // A page that comes back from the browser's cache may have lost its source without an event.
      if (phase === "reconnecting" || source?.readyState === CLOSED) retry();
    },
    close: drop,
  };
}

function unexplained({ status }: Answer): { path: null; message: string } {
  return { path: null, message: `The server answered ${status}` };
}
