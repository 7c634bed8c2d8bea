/**
 * One viewer: a stream with a bounded buffer, and where it stands. A live viewer gets the chunks that its group shares. One
 * that stands behind (it resumes, wants a tail, or reads too slowly) is pumped on its own, as fast as it drains:
 * first what was fetched for it, then the recent past, until it is level and live again. It never slows another.
 */

import { matches } from "../match.ts";
import { type DatabaseState, encodeCursor, encodeEvent, encodeOpening } from "../sse.ts";
import type { Feed, Group } from "./feed.ts";

/** Bytes that may wait in a viewer's stream. Over it the viewer stops being fed until half has drained. */
export const VIEWER_BUFFER = 1024 * 1024;

/** The size of a chunk written to one viewer alone. */
const CHUNK = 64 * 1024;

/** How long an announcement may come after the row was fetched, before nobody waits for it any more. */
const SKIP_MILLISECONDS = 30_000;

const encoder = new TextEncoder();

/** What a viewer asks for when it comes. */
export interface ViewerRequest {
  /** Wants the newest matching logs first: how many, 0 for none. */
  readonly tail: number;
  /** Resumes from this cursor. */
  readonly since: string | null;
}

/** See the module's comment. */
export class Viewer {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #feed: Feed;
  readonly #group: Group;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  /** The newest cursor that is true for what was written. */
  #cursor: string | null;
  /** Everything before this position of the feed was written; null: not known, what is missed must be fetched. */
  #position: number | null = null;
  #tail: number;
  /** Chunks fetched for this viewer and not written yet. May be shared with others that asked the same. */
  #backlog: readonly Uint8Array<ArrayBuffer>[] = [];
  /** Ids that were fetched and are announced later all the same. */
  #skip = new Set<number>();
  #skipUntil = 0;
  #stalled = false;
  #fetching = false;
  #failures = 0;
  #greeted = false;

  constructor(feed: Feed, group: Group, request: ViewerRequest, retryMilliseconds: number) {
    this.#feed = feed;
    this.#group = group;
    this.#cursor = request.since;
    this.#tail = request.since === null ? request.tail : 0;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        this.#write(encoder.encode(encodeOpening(retryMilliseconds)));
      },
      pull: () => this.#drained(),
      cancel: () => feed.leave(this, group),
    }, { highWaterMark: VIEWER_BUFFER, size: (chunk) => chunk.byteLength });
  }

  /** Says `ready`, unless that was said. */
  greet(database: DatabaseState): void {
    if (this.#greeted) return;
    this.#greeted = true;
    const cursor = this.#cursor ?? this.#feed.cursor;
    this.tell(
      encoder.encode(
        encodeEvent({
          event: "ready",
          data: { organizationId: this.#feed.organizationId, database, cursor },
        }),
      ),
    );
  }

  /** Writes a chunk that holds all that came for its group before `position`. */
  deliver(chunk: Uint8Array<ArrayBuffer>, position: number, cursor: string | null): void {
    if (this.#full()) {
      this.#stalled = true;
      this.#group.live.delete(this);
      this.#group.behind.add(this);
      return;
    }
    this.#write(chunk);
    this.#position = position;
    if (cursor !== null) this.#cursor = cursor;
  }

  /** Writes something that is not a log (a status, a heartbeat), unless the viewer's buffer is full. */
  tell(chunk: Uint8Array<ArrayBuffer>): void {
    if (!this.#full()) this.#write(chunk);
  }

  /** A live viewer whose place was given up: what it missed must be fetched. */
  lose(): void {
    this.#position = null;
  }

  /** Moves a viewer that stands behind as far as its buffer allows; called whenever anything may have changed. */
  pump(): void {
    if (this.#fetching || this.#stalled || !this.#feed.ready) return;
    this.greet("connected");
    if (this.#position === null && this.#backlog.length === 0) {
      if (!this.#place()) return this.#fetch();
    }
    while (!this.#full()) {
      const chunk = this.#backlog[0];
      if (chunk) {
        this.#write(chunk);
        this.#backlog = this.#backlog.slice(1);
      } else if (this.#position !== null && this.#position < this.#feed.flushed) {
        if (this.#position < this.#feed.recent.first) {
          this.#position = null;
          return this.#fetch();
        }
        this.#writeRecent(this.#position);
      } else return this.#level();
    }
    this.#stalled = true;
  }

  /** Ends the stream. */
  close(): void {
    try {
      this.#controller.close();
    } catch {
      // It was cancelled or had ended: nothing is left to end.
    }
  }

  /** Finds a viewer's place without asking the table; false when the table has to be asked. */
  #place(): boolean {
    if (this.#cursor !== null) this.#position = this.#feed.recent.positionAfter(this.#cursor);
    else if (this.#tail === 0) {
      this.#cursor = this.#feed.cursor;
      this.#position = this.#feed.flushed;
    }
    return this.#position !== null;
  }

  #fetch(): void {
    this.#fetching = true;
    // What commits from here on is announced; what committed before is in the table: nothing falls between.
    const position = this.#feed.recent.next;
    const what = this.#cursor === null ? { tail: this.#tail } : { since: this.#cursor };
    this.#feed.fetch(this.#group, what).then(
      (fetched) => {
        this.#fetching = false;
        this.#failures = 0;
        this.#backlog = fetched.chunks;
        this.#cursor = fetched.cursor;
        this.#tail = 0;
        this.#position = position;
        this.#skip = new Set(fetched.announcedLater);
        this.#skipUntil = this.#feed.now() + SKIP_MILLISECONDS;
        this.pump();
      },
      (error: unknown) => {
        this.#feed.fetchFailed(error, this.#failures++).then(() => {
          this.#fetching = false;
          this.pump();
        });
      },
    );
  }

  /** Writes the next piece of the recent past. */
  #writeRecent(from: number): void {
    let text = "";
    let position = from;
    for (; position < this.#feed.flushed && text.length < CHUNK; position++) {
      const recent = this.#feed.recent.at(position);
      if (!recent || this.#skip.delete(recent.log.id)) continue;
      if (matches(this.#group.matcher, recent.whole)) text += recent.text;
    }
    this.#position = position;
    if (position === this.#feed.flushed && this.#feed.cursor !== null && text !== "") {
      this.#cursor = this.#feed.cursor;
      text += encodeCursor(this.#feed.cursor);
    }
    if (text !== "") this.#write(encoder.encode(text));
  }

  /** Level with the feed: live, unless announcements are still to come of what it was sent. */
  #level(): void {
    if (this.#skip.size > 0 && this.#feed.now() < this.#skipUntil) return;
    this.#skip.clear();
    this.#group.behind.delete(this);
    this.#group.live.add(this);
  }

  #drained(): void {
    if (!this.#stalled || (this.#controller.desiredSize ?? 0) < VIEWER_BUFFER / 2) return;
    this.#stalled = false;
    this.pump();
  }

  #full(): boolean {
    return (this.#controller.desiredSize ?? 0) <= 0;
  }

  #write(chunk: Uint8Array<ArrayBuffer>): void {
    try {
      this.#controller.enqueue(chunk);
    } catch {
      // It has ended: `cancel` takes the viewer out.
    }
  }
}
