/**
 * One viewer: a stream with a bounded buffer, and where it stands. A live viewer gets the chunks that its group shares. One
 * that stands behind (it resumes, wants a tail, or reads too slowly) is pumped on its own, as fast as it drains:
 * first what was fetched for it, then the recent past, until it is level and live again. It never slows another.
 */

import { asked, clampCursor, newerCursor, xmaxOf } from "../cursor.ts";
import { LiveBody } from "../live_body.ts";
import { matches } from "../match.ts";
import { type DatabaseStatus, encodeCursor, encodeEvent, encodeOpening, encodeRetry } from "../sse.ts";
import type { Backlog } from "./backlog.ts";
import type { Feed } from "./feed.ts";
import type { Group, Piece, Place } from "./group.ts";
import { ForeignCursorError } from "./ports.ts";

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
  /** Called when its stream has ended, on either side. */
  readonly onLeave?: () => void;
}

/** See the module's comment. */
export class Viewer {
  readonly #body: LiveBody;
  readonly #feed: Feed;
  readonly #group: Group;
  readonly #onLeave: () => void;
  /** The newest cursor that is true for what was written. */
  #cursor: string | null;
  /** Everything before this position of the feed was or is in the backlog; null: not known, what is missed must be fetched. */
  #position: number | null = null;
  /** Under which start of the database its cursor was read from the table; `null`: it was announced; `undefined`: it came with it. */
  #started: string | null | undefined;
  /** Where what it missed begins, if that is older: logs after it were not announced, although cursors claim them. */
  #missed: string | null = null;
  /** The place that it lost, until what it missed was written. */
  #place: number | null = null;
  /** Logs wanted to begin with; 0 once they were written. */
  #tail: number;
  /** What was fetched for this viewer, and how many chunks of it were written. */
  #backlog: Backlog | null = null;
  #chunksWritten = 0;
  /** Ids that were fetched and come once more among the recent past. */
  #skip = new Set<number>();
  #skipUntil = 0;
  /** That which was last written to it as a live viewer. */
  #toldCursor: string | null = null;
  /** Logs were written since the last cursor. */
  #owesCursor = false;
  #stalled = false;
  #fetching = false;
  /** Grows when what is being fetched is not the answer to what has to be asked by now. */
  #question = 0;
  #failures = 0;
  /** It was told `ready` when nothing could be claimed yet: who leaves then has no cursor to return with. */
  #lacksCursor = false;
  /** The status that was written last, null before `ready`. */
  #told: DatabaseStatus | null = null;

  constructor(feed: Feed, group: Group, request: ViewerRequest, retryMilliseconds: number) {
    this.#feed = feed;
    this.#group = group;
    this.#onLeave = request.onLeave ?? (() => {});
    this.#cursor = request.since;
    this.#started = request.since === null ? null : undefined;
    this.#tail = request.since === null ? request.tail : 0;
    this.#body = new LiveBody({ drained: () => this.#drained(), cancelled: () => this.#leave() });
    this.#body.write(encoder.encode(encodeOpening(retryMilliseconds)));
  }

  /** What it is written. */
  get stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#body.stream;
  }

  /** Called once, when the viewer has joined its group. */
  begin(): void {
    // What commits from here on is promised, also where the feed is only about to hear of it.
    if (this.#cursor === null) this.#findPosition();
    if (this.#feed.status?.database === "reconnecting") this.inform();
    this.pump();
  }

  /** Says `ready`, or that the status has changed. Where the buffer is full it is said once that has drained. */
  inform(): void {
    const { status, organizationId, flushedCursor } = this.#feed;
    const told = this.#told;
    if (status === null || told === status || this.#full()) return;
    // Before the write, which may call back at once.
    this.#told = status;
    const { database, problem } = status;
    const more = problem ? { problem } : {};
    const cursor = this.#cursor ?? flushedCursor;
    if (told === null) {
      this.#lacksCursor = cursor === null;
      const data = { organizationId, database, cursor, ...more };
      this.#body.write(encoder.encode(encodeEvent({ event: "ready", data })));
      return;
    }
    if (this.#lacksCursor && cursor !== null) {
      // Before it is told that logs come through: from then on each of them is promised, also to who leaves before the first.
      this.#lacksCursor = false;
      this.#body.write(encoder.encode(encodeCursor(cursor)));
    }
    if (told.database !== database || told.problem?.message !== problem?.message) {
      this.#body.write(encoder.encode(encodeEvent({ event: "status", data: { database, ...more } })));
    }
  }

  /** The same, unless `ready` is still to be said: that has its own time. */
  renew(): void {
    if (this.#told !== null) this.inform();
  }

  /** Where it stands: everything before was or is in its backlog. `null` where that is not known; of a live viewer it is. */
  get position(): number | null {
    return this.#position;
  }

  /** Moves a live viewer on to a place: writes what came for its group before that and is not before its own, `null` where nothing did. */
  deliver(piece: Piece | null, { position, cursor }: Place): void {
    if (piece !== null) {
      if (this.#full()) {
        this.#stalled = true;
        return this.#group.leaveBehind(this);
      }
      this.#body.write(piece.bytes);
      this.#feed.sent(piece.logs);
      this.#take(cursor);
    }
    this.#position = position;
  }

  /** Writes a heartbeat, unless its buffer is full: with the cursor of the place where it stands, `null` where it stands behind. */
  beat(place: Place | null, heartbeat: (cursor: string | null) => Uint8Array<ArrayBuffer>): void {
    if (!this.#full()) this.#body.write(heartbeat(place === null ? null : this.#untold(place)));
  }

  /** Its place was given up: what it missed must be fetched, but for what was written before that place. */
  lose(): void {
    this.#place = this.#position ?? this.#place;
    this.#position = null;
  }

  /** More than can be handed on was missed, since a cursor that may be older than its own. All places are given up with it. */
  missed(since: string | null): void {
    if (since === null || this.#cursor === null || xmaxOf(since) > xmaxOf(this.#cursor)) return;
    if (this.#missed === null || xmaxOf(since) < xmaxOf(this.#missed)) this.#missed = asked(since);
    this.#question++;
  }

  /**
   * Transaction ids from `xid` on mean others than before `started`: also in the cursors of what was fetched. The listener may have
   * noticed late, and a cursor may have been read from the table since, here or by another server: that stays as it is.
   */
  restarted(xid: bigint, started: string): void {
    if (this.#started !== undefined && this.#started !== started) {
      if (this.#cursor !== null) this.#cursor = clampCursor(this.#cursor, xid);
      if (this.#missed !== null) this.#missed = clampCursor(this.#missed, xid);
    }
    if (this.#backlog?.started !== started) this.dropBacklog();
    this.#question++;
  }

  /** Others need the room. Once this viewer drains it fetches again, from the cursor that it had before. */
  dropBacklog(): void {
    if (!this.#backlog) return;
    this.#feed.backlogs.release(this.#backlog, this);
    this.#backlog = null;
    if (this.#tail === 0) this.#position = null;
    this.#skip.clear();
  }

  /** Moves a viewer that stands behind as far as its buffer allows; called whenever anything may have changed. */
  pump(): void {
    if (this.#fetching || this.#stalled || !this.#feed.ready) return;
    if (this.#position === null && !this.#findPosition()) {
      this.inform();
      return this.#fetch();
    }
    this.inform();
    if (this.#tail > 0 && !this.#backlog) return this.#fetch();
    while (!this.#full()) {
      if (this.#backlog) this.#writeBacklog(this.#backlog);
      else if (this.#position === null || this.#feed.isGivenUp(this.#group, this.#position)) {
        this.lose();
        return this.#fetch();
      } else if (this.#position < this.#feed.flushed) this.#writeRecent(this.#position);
      else return this.#level();
    }
    this.#stalled = true;
  }

  /** Ends the stream. Of a server that stops: with the cursor of its place, if it is there, and when a browser is to return. */
  close(place?: Place, retryMilliseconds?: number): void {
    const cursor = place && this.#group.live.has(this) ? this.#untold(place) : null;
    if (cursor !== null) this.#body.write(encoder.encode(encodeCursor(cursor)));
    if (retryMilliseconds !== undefined) this.#body.write(encoder.encode(encodeRetry(retryMilliseconds)));
    this.#leave();
    this.#body.close();
  }

  /** The cursor of its place, if it is there and was not told that; it counts as told then. */
  #untold({ position, cursor }: Place): string | null {
    if (this.#position !== position || cursor === null || cursor === this.#toldCursor) return null;
    this.#take(cursor);
    return cursor;
  }

  /** A cursor is written that was announced. */
  #take(cursor: string | null): void {
    this.#toldCursor = cursor;
    // What is announced only grows, which is said quickly for each chunk and viewer.
    if (this.#started === null) this.#cursor = cursor ?? this.#cursor;
    else this.#claim(cursor);
  }

  /** Finds a viewer's place without asking the table; false when the table has to be asked. */
  #findPosition(): boolean {
    const { recent, flushed, flushedCursor } = this.#feed;
    if (this.#missed !== null) return false;
    if (this.#cursor !== null) this.#position = recent.positionAfter(this.#cursor);
    else if (flushedCursor !== null) {
      this.#cursor = flushedCursor;
      this.#position = flushed;
    }
    return this.#position !== null && !this.#feed.isGivenUp(this.#group, this.#position);
  }

  #fetch(): void {
    this.#fetching = true;
    // What commits from here on is announced; what committed before is in the table: nothing falls between. The tail
    // comes before the place that the viewer has already, however many logs have come since.
    const position = this.#tail > 0 && this.#position !== null ? this.#position : this.#feed.recent.next;
    const question = this.#question;
    const since = this.#missed ?? this.#cursor;
    const cursor = since ?? "";
    const what = this.#tail > 0 ? { tail: this.#tail, cursor } : { since: cursor, place: this.#place };
    const { backlog: fetching, from } = this.#feed.fetch(this.#group, what, position);
    fetching.then(
      (backlog) => {
        this.#fetching = false;
        this.#failures = 0;
        if (!this.#isHere()) return;
        if (question !== this.#question) return this.pump();
        this.#cursor = since;
        this.#missed = null;
        this.#backlog = backlog;
        this.#chunksWritten = 0;
        this.#position = from;
        this.#skip = new Set(backlog.again);
        this.#skipUntil = this.#feed.now() + SKIP_MILLISECONDS;
        this.#feed.backlogs.take(backlog, this);
        this.pump();
      },
      async (error: unknown) => {
        // It has no place here any more; once it returns it learns so.
        if (error instanceof ForeignCursorError) return this.close();
        await this.#feed.fetchFailed(error, this.#failures++);
        this.#fetching = false;
        if (this.#isHere()) this.pump();
      },
    );
  }

  /** Writes the next piece of what was fetched. */
  #writeBacklog(backlog: Backlog): void {
    const chunk = backlog.chunks[this.#chunksWritten++];
    if (chunk) {
      this.#body.write(chunk.bytes);
      this.#feed.sent(chunk.logs);
      // That of a tail is the one that the viewer has.
      const { cursor } = chunk;
      if (cursor !== null && cursor !== this.#cursor) {
        this.#cursor = cursor;
        this.#started = backlog.started;
      }
    }
    if (this.#chunksWritten < backlog.chunks.length) return;
    this.#tail = 0;
    if (backlog.partial) this.#position = null;
    else this.#place = null;
    this.#owesCursor = false;
    this.#backlog = null;
    this.#feed.backlogs.release(backlog, this);
  }

  /** Writes the next piece of the recent past. */
  #writeRecent(from: number): void {
    const { recent: past, flushed, flushedCursor } = this.#feed;
    let text = "";
    let sent = 0;
    let position = from;
    for (; position < flushed && text.length < CHUNK; position++) {
      const recent = past.at(position);
      if (!recent || this.#skip.delete(recent.log.id)) continue;
      if (!matches(this.#group.matcher, recent.whole, recent.metadata)) continue;
      text += this.#group.encode(recent);
      sent++;
    }
    this.#position = position;
    this.#feed.sent(sent);
    if (text !== "") this.#owesCursor = true;
    // Also on the way there: whoever leaves now goes on from here, and not from the beginning.
    const moved = this.#claim(position === flushed ? flushedCursor : past.cursorBefore(position));
    if (this.#owesCursor && this.#cursor !== null && (moved || position === flushed)) {
      text += encodeCursor(this.#cursor);
      this.#owesCursor = false;
    }
    if (text !== "") this.#body.write(encoder.encode(text));
  }

  /** Level with the feed: live, unless announcements are still to come of what it was sent. */
  #level(): void {
    if (this.#skip.size > 0 && this.#feed.now() < this.#skipUntil) return;
    // Was sent what is still to be flushed: the next flush holds that for the live viewers, and then moves this one on.
    if (this.#position !== this.#feed.flushed) return;
    this.#skip.clear();
    this.#group.behind.delete(this);
    this.#group.live.add(this);
  }

  /** An announced cursor is true for it, too. Returns whether it is newer than its own. */
  #claim(cursor: string | null): boolean {
    const newer = newerCursor(this.#cursor, cursor);
    if (newer === this.#cursor) return false;
    this.#cursor = newer;
    this.#started = null;
    return true;
  }

  #drained(): void {
    this.renew();
    if (!this.#stalled || this.#body.waiting > VIEWER_BUFFER / 2) return;
    this.#stalled = false;
    this.pump();
  }

  #leave(): void {
    this.#onLeave();
    this.dropBacklog();
    this.#feed.leave(this, this.#group);
  }

  #isHere(): boolean {
    return this.#group.behind.has(this);
  }

  #full(): boolean {
    return this.#body.waiting >= VIEWER_BUFFER;
  }
}
