import { Component } from "preact";
import type { Entry, GapEntry, LogEntry, NoteEntry } from "../lib/live_tail/entries.ts";
import { FILL } from "../lib/live_tail/fill.ts";
import {
  foldMessage,
  formatSpan,
  formatTime,
  LEVEL_LABELS,
  plainText,
  plural,
  splitHits,
  visibleText,
} from "../lib/live_tail/format.ts";
import { serviceColor } from "../lib/live_tail/service_color.ts";

/** What a row is drawn from. Nothing else may change how it looks: see `shouldComponentUpdate`. */
export interface LogRowProps {
  readonly entry: Entry;
  readonly selected: boolean;
  readonly wrap: boolean;
  /** Text in lower case to mark in messages; empty marks nothing. */
  readonly needle: string;
}

/** One row. With 500 of them and a frame to render, a row that did not change must cost nothing. */
export class LogRow extends Component<LogRowProps> {
  override shouldComponentUpdate(next: LogRowProps): boolean {
    const { entry, selected, wrap, needle } = this.props;
    return entry !== next.entry || selected !== next.selected || wrap !== next.wrap || needle !== next.needle;
  }

  override render({ entry, selected, wrap, needle }: LogRowProps) {
    if (entry.kind === "gap") return <GapRow entry={entry} selected={selected} />;
    if (entry.kind === "note") return <NoteRow entry={entry} />;
    return <LogLine entry={entry} selected={selected} wrap={wrap} needle={needle} />;
  }
}

function LogLine({ entry, selected, wrap, needle }: LogRowProps & { entry: LogEntry }) {
  const { log } = entry;
  const folded = wrap ? { line: plainText(log.message), more: 0 } : foldMessage(log.message);
  return (
    <li
      id={`row-${entry.key}`}
      class={`row level-${log.level}`}
      role="option"
      aria-selected={selected}
      data-id={log.id}
    >
      <time class="row-time" dateTime={log.timestamp} title={log.timestamp}>{formatTime(log.timestamp)}</time>
      <span class="row-level" title={log.level}>
        <span class="level-shape" aria-hidden="true" />
        {LEVEL_LABELS[log.level]}
      </span>
      <span class={`row-service ${serviceColor(log.service)}`} title={visibleText(log.service)}>
        {visibleText(log.service)}
      </span>
      <span class="row-message">
        <span class="row-text">
          {splitHits(folded.line, needle).map((part, i) =>
            part.hit ? <mark key={i}>{part.text}</mark> : part.text
          )}
        </span>
        {folded.more > 0 && <span class="row-mark">+{plural(folded.more, "line")}</span>}
        {log.truncated && (
          <span class="row-mark" title="A preview; the details show all of it">truncated</span>
        )}
      </span>
    </li>
  );
}

function GapRow({ entry, selected }: { entry: GapEntry; selected: boolean }) {
  const { missed, from, to } = entry.gap;
  const reason = entry.cause === "held"
    ? "They came while you were reading further up or had paused, and more came than this page keeps."
    : "More came while this page was away than the server sends again.";
  const problem = typeof entry.fetch === "object" ? entry.fetch.problem : null;
  return (
    <li
      id={`row-${entry.key}`}
      class="row row-gap"
      role="option"
      aria-selected={selected}
      title={reason}
      data-gap={entry.key}
    >
      {plural(missed, "log was", "logs were")} not shown ({formatSpan(from, to)}).{" "}
      {problem !== null && `${problem}. `}
      <span class="row-action">
        {entry.fetch === "running" ? "Loading…" : problem !== null ? "Try again" : `Load ${loaded(missed)}`}
      </span>
    </li>
  );
}

function loaded(missed: number): string {
  return missed <= FILL ? plural(missed, "log") : `the newest ${FILL}`;
}

function NoteRow({ entry }: { entry: NoteEntry }) {
  return <li id={`row-${entry.key}`} class="row row-gap" role="option" aria-selected={false}>{entry.text}
  </li>;
}
