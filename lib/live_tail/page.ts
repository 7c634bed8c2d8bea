/** The page as its parts see it. */

import type { Signal } from "@preact/signals";
import type { Activity } from "./activity.ts";
import type { Alerts } from "./alerts.ts";
import type { Connection } from "./connection.ts";
import type { Details } from "./details.ts";
import type { Entry, Tally } from "./entries.ts";
import type { Address, FilterText } from "./filter_text.ts";
import type { Place, Whereabouts } from "./jump.ts";
import type { Known } from "./known_values.ts";
import type { TailList } from "./list.ts";
import type { Earlier } from "./past.ts";
import type { Rate } from "./rate.ts";
import type { Memory, RowView } from "./row_view.ts";
import type { StreamIo } from "./stream.ts";
import type { Problem } from "./view.ts";

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
  readonly rate: Rate;
  readonly alerts: Alerts;
  /** What is known of the logs before the first row. */
  readonly earlier: Signal<Earlier>;
  /** Whether the list is live, or of which time. */
  readonly whereabouts: Signal<Whereabouts>;
  /** Key of the row that is to be brought into view. */
  readonly reveal: Signal<string | null>;
  /** Whether the dialog that exports logs is open. */
  readonly exports: Signal<boolean>;
  /** The parameters of the stream that is open, or was last. */
  streamed(): URLSearchParams;
  /** Whether the dialog that asks for a time is open. */
  readonly asksTime: Signal<boolean>;
  /** Begins; the result ends it. */
  start(browser: Browser): () => void;
  /** The page's address was changed by back or forward. */
  moved(): void;
  retry(): void;
  wake(): void;
  /** When the last log came, and when anything was heard of the server, in epoch milliseconds; 0 before. */
  heardAt(): { readonly log: number; readonly server: number };
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
