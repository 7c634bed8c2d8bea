/**
 * One stream after another, as long as it is wanted. A lost one is opened anew with backoff and with the newest cursor, so that
 * nothing is missing. A silent one is lost, too: heartbeats come at a known pace.
 */

import type { Log } from "../log.ts";
import type { Gap } from "../sse.ts";
import { type Answer, isCursorRefusal, isRefusal } from "./answer.ts";
import { backoffDelay } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import type { EventBlock } from "./event_parser.ts";
import { readGap, readLog, readReady, readStatus } from "./events.ts";
import type { Heard, OpenSource } from "./source.ts";
import { TURN } from "./tabs.ts";

/** What the stream says. */
export type StreamMessage =
  | { readonly kind: "connection"; readonly connection: Connection }
  /** The first word of a stream with another filter: what was shown before does not belong to it. */
  | { readonly kind: "reset" }
  | { readonly kind: "log"; readonly log: Log }
  /** `again`: in place of the gap before, whose logs were not all there yet when the connection was lost. */
  | { readonly kind: "gap"; readonly gap: Gap; readonly again: boolean }
  | { readonly kind: "note"; readonly text: string };

/** The world outside, given so that tests can replace it. */
export interface StreamIo {
  readonly open: OpenSource;
  /** Whether the server answers something short. Never rejects. */
  readonly isUp: (signal: AbortSignal) => Promise<boolean>;
  /** Whether the page is in sight. */
  readonly isSeen: () => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** As `Math.random`. */
  readonly random: () => number;
  /** Runs a function after some milliseconds; the result cancels it. */
  readonly schedule: (run: () => void, milliseconds: number) => () => void;
  /** Between two heartbeats of the server, in milliseconds. */
  readonly heartbeat: number;
}

/** One stream, reopened as long as it is wanted. */
export interface Stream {
  /** Starts over with these parameters and without a cursor. */
  connect(params: URLSearchParams): void;
  /** Stops, with the reason: nothing is tried until the next `connect` or `retry`. */
  refuse(connection: Connection & { phase: "refused" }): void;
  /** Tries again now, whatever was planned; a stream that is open stays. */
  retry(): void;
  /** The device may have slept or changed its network: tries again now if the connection was lost, or has been silent. */
  wake(): void;
  /** When something was heard last, in epoch milliseconds. */
  heardAt(): number;
  /** Ends it. */
  close(): void;
}

/** How many logs a new view begins with. */
export const TAIL = 200;

/** Said where the server could not take the cursor, so that nobody knows whether logs are missing. */
export const LOST_PLACE = "The server no longer knew where this page had stopped: logs may be missing here";

/** How long the first word may take where nothing holds it up, in milliseconds. */
const FIRST_WORD = 5000;

/** After so many heartbeats without one, a stream is lost. */
const MOST_SILENT = 2.5;

/** So many streams in a row that fell silent are no accident: something holds back what the server writes. */
const MOST_ACCIDENTS = 1;

/** Makes a stream of `path`; nothing opens before {@link Stream.connect}. */
export function createStream(
  path: string,
  io: StreamIo,
  emit: (message: StreamMessage) => void,
): Stream {
  let params = new URLSearchParams();
  let stop: (() => void) | null = null;
  let cursor: string | null = null;
  let cursorLost = false;
  /** The cursor that the last gap followed. */
  let torn: string | null = null;
  let fresh = true;
  let attempt = 0;
  let connection: Connection = { phase: "connecting" };
  let planned: (() => void) | null = null;
  let heard = 0;
  /** Streams in a row that fell silent. */
  let silent = 0;

  function say(next: Connection): void {
    connection = next;
    emit({ kind: "connection", connection });
  }

  function drop(): void {
    planned?.();
    planned = null;
    stop?.();
    stop = null;
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
    const openedAt = io.now();
    heard = openedAt;
    let isSaying = false;
    const end = io.open(url(), (what) => {
      if (stop !== end) return;
      heard = io.now();
      isSaying = true;
      // A heartbeat that came through, and in its time, shows that nothing is held back.
      if (what.kind === "alive" && heard - openedAt > io.heartbeat / 2) letThrough();
      hear(what);
    });
    stop = end;
    watch(end, openedAt, () => isSaying);
  }

  function letThrough(): void {
    silent = 0;
    if (!connection.isHeldBack) return;
    const { isHeldBack: _, ...free } = connection;
    say(free);
  }

  /** Looks whether something is heard of a stream in time. */
  function watch(end: () => void, openedAt: number, isSaying: () => boolean): void {
    const looking = new AbortController();
    const look = () => {
      const quiet = io.now() - heard;
      if (quiet >= MOST_SILENT * io.heartbeat) {
        looking.abort();
        silent++;
        return plan({
          status: 0,
          retryAfter: null,
          problem: { path: null, message: "Nothing was heard any more" },
        });
      }
      if (quiet >= FIRST_WORD && !isSaying() && io.now() - openedAt < 2 * FIRST_WORD) {
        void io.isUp(looking.signal).then((isUp) => {
          if (isUp && stop === end && !isSaying()) say({ ...connection, isHeldBack: true });
        });
      }
      planned = io.schedule(look, Math.min(FIRST_WORD, MOST_SILENT * io.heartbeat - quiet));
    };
    planned = io.schedule(look, Math.min(FIRST_WORD, MOST_SILENT * io.heartbeat));
  }

  function hear(what: Heard): void {
    switch (what.kind) {
      case "alive":
        return;
      case "block":
        return read(what.block);
      case "answer":
        return answered(what.answer);
      case "lost":
        return plan(null);
      case "moved":
        // Not all tabs that it had at the same moment.
        drop();
        planned = io.schedule(open, io.random() * 300);
        return;
      case "rested":
        drop();
        say({ phase: "resting" });
        // In sight of somebody, who is to wait no longer than the others.
        if (io.isSeen()) planned = io.schedule(open, TURN);
        return;
    }
  }

  function read({ event, data, id }: EventBlock): void {
    if (id !== null) cursor = id;
    if (data === null) return;
    begin();
    if (event === "ready") {
      const ready = readReady(data);
      if (ready === null) return broken();
      // After a resume the older cursor stands until an id comes: what lies between may still be on its way.
      cursor ??= ready.cursor;
      attempt = 0;
      const { cursor: _, ...status } = ready;
      say({ phase: "live", ...status, ...silent > MOST_ACCIDENTS ? { isHeldBack: true } : {} });
    } else if (event === "message") {
      const log = readLog(data);
      if (log === null) broken();
      else emit({ kind: "log", log });
    } else if (event === "gap") {
      const gap = readGap(data);
      if (gap === null) return broken();
      emit({ kind: "gap", gap, again: cursor !== null && cursor === torn });
      torn = cursor;
    } else if (event === "status") {
      const status = readStatus(data);
      if (status === null) broken();
      else say({ phase: "live", ...status });
    }
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

  /** There is no stream: plans the next attempt, or stops. */
  function answered(answer: Answer): void {
    if (cursor !== null && isCursorRefusal(answer)) {
      cursor = null;
      cursorLost = true;
    } else if (isRefusal(answer)) {
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
    const reason = answer === null ? null : (answer.problem ?? unexplained(answer)).message;
    const isHeldBack = silent > MOST_ACCIDENTS ? { isHeldBack: true } : {};
    say({ phase: "reconnecting", retryAt: io.now() + delay, reason, ...isHeldBack });
    planned = io.schedule(open, delay);
  }

  function refuse(connection: Connection & { phase: "refused" }): void {
    drop();
    // The rows of the filter before would stand under a filter that they do not belong to.
    if (fresh) emit({ kind: "reset" });
    say(connection);
  }

  function retry(): void {
    if (connection.phase === "live" && stop !== null) return;
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
      const { phase } = connection;
      if (phase === "reconnecting" || phase === "resting") return retry();
      // What was due did not come while the device slept.
      if (phase === "live" && io.now() - heard > 1.5 * io.heartbeat) {
        drop();
        retry();
      }
    },
    heardAt: () => heard,
    close: drop,
  };
}

function unexplained({ status }: Answer): { path: null; message: string } {
  return { path: null, message: `The server answered ${status}` };
}
