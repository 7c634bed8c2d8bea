/**
 * What the page knows, as signals, and what a reader can do to it. Created on the server and in the browser alike;
 * nothing outside is touched before {@link LiveTail.start}.
 */

import { batch, signal } from "@preact/signals";
import { createActivity } from "./activity.ts";
import { createAlerts } from "./alerts.ts";
import type { Connection } from "./connection.ts";
import type { Browser, LiveTail } from "./page.ts";
import { createOpenedLog } from "./details.ts";
import { addTally, logEntry, NO_TALLY, type Tally, tally } from "./entries.ts";
import { createFilterText } from "./filter_text.ts";
import { createFrameBuffer, type FrameBuffer } from "./frame_buffer.ts";
import { createKnownValues } from "./known_values.ts";
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
import { createJump, type Place } from "./jump.ts";
import { createPast } from "./past.ts";
import { createRate } from "./rate.ts";
import { createRecentIds } from "./recent_ids.ts";
import { createRowView } from "./row_view.ts";
import { createStream, type Stream, type StreamMessage } from "./stream.ts";
import {
  placeOf,
  type Problem,
  searchText,
  streamParams,
  viewProblem,
  withFilter,
  withPlace,
} from "./view.ts";

export type { Browser, LiveTail } from "./page.ts";

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
  const rate = createRate();
  const alerts = createAlerts();
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
  let lastLog = 0;
  /** Where the address says to look. */
  let place: Place | null = null;

  function serverTime(): number {
    return (browser?.now() ?? 0) + (browser?.skew ?? 0);
  }

  function tick(): void {
    rows.now.value = serverTime();
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
        alerts.begin(serverTime());
        jump.reset();
        batch(() => {
          list.value = EMPTY_LIST;
          received.value = NO_TALLY;
          settled.value = true;
        });
        countAnew();
        if (place !== null) void jump.go(place);
        return;
      case "log": {
        const { log } = message;
        if (!recent.add(log.id)) return;
        lastLog = browser?.now() ?? 0;
        activity.add(Date.parse(log.timestamp), log.level, serverTime());
        rate.add(log);
        alerts.heard(log);
        return buffer?.push(logEntry(log));
      }
      case "gap": {
        if (message.again) takeBack(torn);
        torn = `gap-${remarks++}`;
        countAnew();
        return buffer?.push({ kind: "gap", key: torn, gap: message.gap, cause: "stream" });
      }
      case "note":
        return buffer?.push({ kind: "note", key: `note-${remarks++}`, text: message.text });
    }
  }

  /** Lets the server count for the strip: under another filter, or where logs were left out. */
  function countAnew(): void {
    const { strip, minutes } = rows.display.peek();
    if (!browser || !strip) return;
    tick();
    void rate.load(fetched.params(), minutes, rows.now.peek());
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
    rate,
    alerts,
    earlier: past.earlier,
    whereabouts: jump.whereabouts,
    reveal,
    asksTime: signal(false),
    exports: signal(false),
    streamed: fetched.params,
    start(given) {
      browser = given;
      buffer = createFrameBuffer({
        schedule: given.frame,
        now: given.now,
        flush,
        bound: () => rows.display.value.cap,
      });
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
      let shown = rows.display.peek();
      const uncount = rows.display.subscribe(({ strip, minutes }) => {
        if (strip && (!shown.strip || minutes !== shown.minutes)) countAnew();
        shown = rows.display.peek();
      });
      return () => {
        control.stop();
        hide();
        past.reset();
        jump.reset();
        rate.stop();
        uncount();
        stream?.close();
        browser = stream = buffer = null;
      };
    },
    moved: readAddress,
    retry: () => stream?.retry(),
    wake: () => stream?.wake(),
    heardAt: () => ({ log: lastLog, server: stream?.heardAt() ?? 0 }),
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
