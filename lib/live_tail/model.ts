/**
 * What the page knows, as signals, and what a reader can do to it. Created on the server and in the browser alike;
 * nothing outside is touched before {@link LiveTail.start}.
 */

import { batch, type Signal, signal } from "@preact/signals";
import { type Activity, createActivity } from "./activity.ts";
import type { Connection } from "./connection.ts";
import { createOpenedLog, type Details } from "./details.ts";
import { addTally, type Entry, logEntry, NO_TALLY, type Tally, tally } from "./entries.ts";
import { type Address, createFilterText, type FilterText } from "./filter_text.ts";
import { createFrameBuffer, type FrameBuffer } from "./frame_buffer.ts";
import { createKnownValues, type Known } from "./known_values.ts";
import {
  type Batch,
  EMPTY_BATCH,
  EMPTY_LIST,
  receive,
  resume,
  type Stance,
  type TailList,
  without,
} from "./list.ts";
import { createJump, type Place, type Whereabouts } from "./jump.ts";
import { createPast, type Earlier } from "./past.ts";
import { createRecentIds } from "./recent_ids.ts";
import { createRowView, type Memory, type RowView } from "./row_view.ts";
import { createStream, type Stream, type StreamIo, type StreamMessage } from "./stream.ts";
import {
  placeOf,
  type Problem,
  searchText,
  streamParams,
  viewProblem,
  withFilter,
  withPlace,
} from "./view.ts";

/** What the page needs of the browser. */
export interface Browser extends StreamIo {
  readonly address: Address;
  /** `requestAnimationFrame` */
  readonly frame: (run: () => void) => void;
  /** How far the server's clock is ahead of this one, in milliseconds. */
  readonly skew: number;
  /** Where the reader's choices are kept; without it they last as long as the page. */
  readonly memory?: Memory;
}

/** The page. */
export interface LiveTail {
  readonly filter: FilterText;
  /** Why there can be no stream for the filter in force. */
  readonly problem: Signal<Problem | null>;
  readonly connection: Signal<Connection>;
  readonly online: Signal<boolean>;
  readonly list: Signal<TailList>;
  /** Whether an answer of the stream belongs to the filter that is set. */
  readonly settled: Signal<boolean>;
  readonly following: Signal<boolean>;
  readonly paused: Signal<boolean>;
  /** How the list is drawn. */
  readonly rows: RowView;
  readonly help: Signal<boolean>;
  /** Key of the marked row. */
  readonly selected: Signal<string | null>;
  readonly details: Signal<Details | null>;
  /** What the newest logs hold, to choose from. */
  readonly known: Known;
  /** All logs that arrived for this filter. */
  readonly received: Signal<Tally>;
  readonly activity: Activity;
  /** What is known of the logs before the first row. */
  readonly earlier: Signal<Earlier>;
  /** Whether the list is live, or of which time. */
  readonly whereabouts: Signal<Whereabouts>;
  /** Key of the row that is to be brought into view. */
  readonly reveal: Signal<string | null>;
  /** Whether the dialog that asks for a time is open. */
  readonly asksTime: Signal<boolean>;
  /** Begins; the result ends it. */
  start(browser: Browser): () => void;
  /** The page's address was changed by back or forward. */
  moved(): void;
  retry(): void;
  wake(): void;
  /** Rows at the top may go as long as they are among the first `rows` that are drawn. */
  measureAbove(rows: () => number): void;
  follow(following: boolean): void;
  /** Lets in what has room by now, while the reader scrolls. */
  admit(): void;
  pause(paused: boolean): void;
  /** Back to the newest row, wherever the reader is. */
  goLive(): void;
  clear(): void;
  /** Shows all lines of a message or all logs of a row, or folds them again. The reader means to read: the list stops. */
  unfold(key: string, what: "lines" | "repeats"): void;
  /** Lets relative times go on. */
  tick(): void;
  select(entry: Entry): void;
  open(id: number): void;
  close(): void;
  /** Fetches the newest logs of a gap; not `asked`: the reader has just come there. */
  fill(key: string, asked?: boolean): void;
  /** Fetches logs from before the first row. */
  loadEarlier(asked?: boolean): void;
  /** Fetches logs that follow those of another time. */
  loadLater(asked?: boolean): void;
  /** Shows the logs around a time or a log, under the filter. The stream goes on below. */
  goTo(place: Place): void;
  /** Shows a log among those before and after it, without any filter. */
  showAround(id: number): void;
}

/** Makes a page for a query string. */
export function createLiveTail(search: string): LiveTail {
  const params = new URLSearchParams(search);
  const { filter, ...control } = createFilterText(params);
  const problem = signal<Problem | null>(viewProblem(params));
  const connection = signal<Connection>({ phase: "connecting" });
  const online = signal(true);
  const list = signal<TailList>(EMPTY_LIST);
  const settled = signal(false);
  const following = signal(true);
  const paused = signal(false);
  const selected = signal<string | null>(null);
  const { details, hide, ...opened } = createOpenedLog();
  const received = signal<Tally>(NO_TALLY);
  const activity = createActivity();
  const rows = createRowView(list, () => following.value && !paused.value);
  const recent = createRecentIds();
  const reveal = signal<string | null>(null);
  const fetched = {
    list,
    params: () => new URLSearchParams(connected ?? ""),
    stay: () => following.value = false,
    note: (ids: readonly number[]) => ids.forEach((id) => recent.add(id)),
  };
  const past = createPast(fetched);
  const jump = createJump({ ...fetched, show: (key) => selected.value = reveal.value = key });

  let browser: Browser | null = null;
  let stream: Stream | null = null;
  let buffer: FrameBuffer | null = null;
  let connected: string | null = null;
  let remarks = 0;
  /** Key of the last gap that the stream told of. */
  let torn = "";
  let above = () => 0;
  /** Where the address says to look. */
  let place: Place | null = null;

  function tick(): void {
    rows.now.value = (browser?.now() ?? 0) + (browser?.skew ?? 0);
  }

  /** The list with what arrived, as far as the reader's stance lets it in. */
  function taken(arrived: Batch): TailList {
    return receive(list.value, arrived, stance(), rows.display.value.cap);
  }

  function stance(): Stance {
    if (paused.value) return { kind: "pause" };
    if (following.value) return { kind: "follow" };
    // What is being fetched is to join the first row.
    const loading = past.earlier.value.kind === "loading";
    return { kind: "read", above: loading ? 0 : rows.entriesIn(above()) };
  }

  function flush(arrived: Batch): void {
    batch(() => {
      list.value = taken(arrived);
      received.value = addTally(
        addTally(received.value, tally(arrived.entries)),
        arrived.overflow?.tally ?? NO_TALLY,
      );
    });
  }

  function hear(message: StreamMessage): void {
    switch (message.kind) {
      case "connection":
        return batch(() => {
          connection.value = message.connection;
          if (message.connection.phase === "live") settled.value = true;
          if (message.connection.phase === "refused") problem.value = message.connection.problem;
        });
      case "reset":
        buffer?.clear();
        past.reset();
        recent.clear();
        activity.clear();
        jump.reset();
        batch(() => {
          list.value = EMPTY_LIST;
          received.value = NO_TALLY;
          settled.value = true;
        });
        if (place !== null) void jump.go(place);
        return;
      case "log": {
        const { log } = message;
        if (!recent.add(log.id)) return;
        activity.add(Date.parse(log.timestamp), log.level, (browser?.now() ?? 0) + (browser?.skew ?? 0));
        return buffer?.push(logEntry(log));
      }
      case "gap": {
        if (message.again) takeBack(torn);
        torn = `gap-${remarks++}`;
        return buffer?.push({ kind: "gap", key: torn, gap: message.gap, cause: "stream" });
      }
      case "note":
        return buffer?.push({ kind: "note", key: `note-${remarks++}`, text: message.text });
    }
  }

  function takeBack(key: string): void {
    buffer?.drop(key);
    list.value = without(list.value, key);
  }

  /** Opens the stream that the query string asks for, unless that is the one which is open. */
  function connect(params: URLSearchParams): boolean {
    const wanted = streamParams(params);
    if (wanted.toString() === connected) return false;
    connected = wanted.toString();
    const found = viewProblem(params);
    problem.value = found;
    settled.value = false;
    if (found) stream?.refuse({ phase: "refused", status: 400, problem: found });
    else stream?.connect(wanted);
    return true;
  }

  /** Goes where the address says, or back; rows that are to come first are waited for. */
  function look(params: URLSearchParams, isOpened: boolean): void {
    const next = placeOf(params);
    const isSame = JSON.stringify(next) === JSON.stringify(place);
    place = next;
    if (isOpened || isSame) return;
    past.reset();
    if (place === null) jump.leave();
    else void jump.go(place);
  }

  function move(next: Place | null): void {
    if (!browser) return;
    const params = withPlace(new URLSearchParams(browser.address.read()), next);
    if (next === null) browser.address.replace(searchText(params));
    else browser.address.push(searchText(params));
    place = next;
  }

  /** Keeps the opened log in the address, so that a link to the page shows it. */
  function address(id: number | null): void {
    if (!browser) return;
    const params = new URLSearchParams(browser.address.read());
    if (id === null) params.delete("log");
    else params.set("log", String(id));
    browser.address.replace(searchText(params));
  }

  function load(id: number): Promise<void> {
    return opened.load(id, new URLSearchParams(browser?.address.read() ?? "").get("organizationId"));
  }

  function readAddress(): void {
    const params = new URLSearchParams(browser?.address.read() ?? "");
    const id = Number(params.get("log"));
    batch(() => {
      control.read(params);
      if (!Number.isSafeInteger(id) || id <= 0) hide();
      else if (details.value?.id !== id) {
        selected.value = String(id);
        void load(id);
      }
      look(params, connect(params));
    });
  }

  function goLive(): void {
    if (place !== null) move(null);
    batch(() => {
      jump.leave();
      paused.value = false;
      following.value = true;
      list.value = resume(list.value, rows.display.value.cap);
    });
  }

  return {
    filter,
    problem,
    connection,
    online,
    list,
    settled,
    following,
    paused,
    rows,
    help: signal(false),
    selected,
    details,
    known: createKnownValues(),
    received,
    activity,
    earlier: past.earlier,
    whereabouts: jump.whereabouts,
    reveal,
    asksTime: signal(false),
    start(given) {
      browser = given;
      buffer = createFrameBuffer({ schedule: given.frame, flush, bound: () => rows.display.value.cap });
      rows.restore(given.memory ?? null);
      tick();
      stream = createStream("/api/logs/stream", given, hear);
      connected = null;
      control.start({
        address: given.address,
        schedule: given.schedule,
        moved: (address) => void connect(address),
      });
      readAddress();
      return () => {
        control.stop();
        hide();
        past.reset();
        jump.reset();
        stream?.close();
        browser = stream = buffer = null;
      };
    },
    moved: readAddress,
    retry: () => stream?.retry(),
    wake: () => stream?.wake(),
    measureAbove: (drawn) => {
      above = drawn;
    },
    follow(now) {
      if (following.value === now) return;
      if (now && place !== null) return goLive();
      batch(() => {
        following.value = now;
        list.value = taken(EMPTY_BATCH);
      });
    },
    admit() {
      if (list.value.waiting.length > 0) list.value = taken(EMPTY_BATCH);
    },
    pause(now) {
      batch(() => {
        paused.value = now;
        list.value = taken(EMPTY_BATCH);
      });
    },
    goLive,
    clear() {
      buffer?.clear();
      past.reset({ kind: "cleared" });
      if (place !== null) move(null);
      jump.leave();
      batch(() => {
        list.value = EMPTY_LIST;
        selected.value = null;
        following.value = true;
      });
    },
    unfold(key, what) {
      batch(() => {
        following.value = false;
        if (what === "lines") rows.toggleLines(key);
        else rows.toggleRepeats(key);
      });
    },
    tick,
    select: (entry) => {
      selected.value = entry.key;
    },
    open(id) {
      address(id);
      void load(id);
    },
    close() {
      address(null);
      hide();
    },
    fill: (key, asked = true) => void past.fill(key, asked),
    loadEarlier: (asked = false) => void past.load(asked),
    loadLater: (asked = false) => void jump.loadLater(asked),
    goTo(next) {
      move(next);
      past.reset();
      void jump.go(next);
    },
    showAround(id) {
      if (!browser) return;
      const params = withFilter(new URLSearchParams(browser.address.read()), new URLSearchParams());
      browser.address.push(searchText(withPlace(params, { kind: "log", id })));
      readAddress();
    },
  };
}
