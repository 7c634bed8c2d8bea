import { useComputed } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { Component } from "preact";
import { readAnsi } from "../lib/live_tail/ansi.ts";
import type { Display } from "../lib/live_tail/display.ts";
import type { GapEntry, LaterEntry, LogEntry, NoteEntry } from "../lib/live_tail/entries.ts";
import { FILL } from "../lib/live_tail/fill.ts";
import {
  formatAge,
  formatSpan,
  formatTime,
  formatUtc,
  LEVEL_LABELS,
  plural,
  visibleText,
} from "../lib/live_tail/format.ts";
import { flatJson, isJson, prettyJson } from "../lib/live_tail/json_text.ts";
import type { Mark } from "../lib/live_tail/marks.ts";
import type { Shown } from "../lib/live_tail/repeats.ts";
import { serviceColor } from "../lib/live_tail/service_color.ts";
import { fold } from "../lib/live_tail/styled.ts";
import { JsonText } from "./JsonText.tsx";
import { StyledText } from "./StyledText.tsx";

/** What a row is drawn from. Nothing else may change how it looks: see `shouldComponentUpdate`. */
export interface LogRowProps {
  readonly shown: Shown;
  readonly selected: boolean;
  readonly display: Display;
  /** Whether all lines of the message are shown. */
  readonly unfolded: boolean;
  /** Finds what to mark in messages. */
  readonly mark: Mark;
  /** Paths of metadata that are columns. */
  readonly columns: readonly string[];
  /** What relative times are told by. */
  readonly now: ReadonlySignal<number>;
}

/** One row. With 10,000 of them and a frame to render, a row that did not change must cost nothing. */
export class LogRow extends Component<LogRowProps> {
  override shouldComponentUpdate(next: LogRowProps): boolean {
    const { shown, selected, display, unfolded, mark, columns } = this.props;
    return shown.entry !== next.shown.entry || shown.count !== next.shown.count ||
      shown.isFolded !== next.shown.isFolded || selected !== next.selected || display !== next.display ||
      unfolded !== next.unfolded || mark !== next.mark || columns !== next.columns;
  }

  override render(props: LogRowProps) {
    const { shown: { entry }, selected } = props;
    if (entry.kind === "gap") return <GapRow entry={entry} selected={selected} />;
    if (entry.kind === "note") return <NoteRow entry={entry} />;
    if (entry.kind === "later") return <LaterRow entry={entry} selected={selected} />;
    return <LogLine {...props} entry={entry} />;
  }
}

function LogLine(
  { entry, shown, selected, display, unfolded, mark, columns, now }: LogRowProps & { entry: LogEntry },
) {
  const { log } = entry;
  return (
    <li
      id={`row-${entry.key}`}
      class={`row level-${log.level}${unfolded ? " unfolded" : ""}`}
      role="option"
      aria-selected={selected}
      data-id={log.id}
    >
      <time class="row-time" dateTime={log.timestamp} title={log.timestamp}>
        <Time timestamp={log.timestamp} display={display} now={now} />
      </time>
      <span class="row-level" title={log.level} data-level={log.level}>
        <span class="level-shape" aria-hidden="true" />
        {LEVEL_LABELS[log.level]}
      </span>
      <span
        class={`row-service ${serviceColor(log.service)}`}
        title={visibleText(log.service)}
        data-service={log.service}
      >
        {visibleText(log.service)}
      </span>
      {columns.map((path) => <FieldCell key={path} path={path} text={log.fields?.[path]} />)}
      <span class="row-message">
        <Repeats shown={shown} from={log.timestamp} />
        <Message entry={entry} wrap={display.wrap} unfolded={unfolded} mark={mark} />
        {log.truncated && (
          <span class="row-mark" title="A preview; the details show all of it">truncated</span>
        )}
      </span>
    </li>
  );
}

/** What stands in a column of metadata. */
function FieldCell({ path, text }: { path: string; text: string | undefined }) {
  if (text === undefined) return <span class="row-field" />;
  const shown = visibleText(text);
  return (
    <span
      class="row-field"
      title={`${visibleText(path)}: ${shown}`}
      data-field={path}
      data-value={text}
    >
      {shown}
    </span>
  );
}

function Time(
  { timestamp, display, now }: { timestamp: string } & Pick<LogRowProps, "display" | "now">,
) {
  const { clock, milliseconds } = display;
  if (clock === "relative") return <Age timestamp={timestamp} now={now} />;
  return <>{(clock === "utc" ? formatUtc : formatTime)(timestamp, milliseconds)}</>;
}

/** Its text is all that changes with time: the row is not rendered again. */
function Age({ timestamp, now }: { timestamp: string; now: ReadonlySignal<number> }) {
  return <>{useComputed(() => formatAge(timestamp, now.value))}</>;
}

/** How many equal logs the row stands for, or begins. */
function Repeats({ shown: { count, until, isFolded }, from }: { shown: Shown; from: string }) {
  if (count === 1) return null;
  return (
    <span
      class="row-mark row-toggle row-count"
      title={`${plural(count, "equal log")}, ${formatSpan(from, until)}. ${
        isFolded ? "Show one by one" : "Show as one"
      } (x)`}
      data-toggle="repeats"
    >
      ×{count}
    </span>
  );
}

function Message(
  { entry: { log }, wrap, unfolded, mark }: {
    entry: LogEntry;
    wrap: boolean;
    unfolded: boolean;
    mark: Mark;
  },
) {
  const json = !log.truncated && isJson(log.message);
  if (json && unfolded) {
    return (
      <>
        <span class="row-text">
          <JsonText text={prettyJson(log.message)} />
        </span>
        <LinesMark text="fold" hint="Show on one line (f)" />
      </>
    );
  }
  const styled = readAnsi(json && !wrap ? flatJson(log.message) : log.message);
  const folded = wrap || unfolded ? { line: styled, more: 0 } : fold(styled);
  return (
    <>
      <span class="row-text">
        <StyledText styled={folded.line} mark={mark} />
      </span>
      {json
        ? <LinesMark text="JSON" hint="Show indented (f)" />
        : unfolded && !wrap
        ? <LinesMark text="fold" hint="Show the first line alone (f)" />
        : folded.more > 0 && <LinesMark text={`+${plural(folded.more, "line")}`} hint="Show all lines (f)" />}
    </>
  );
}

function LinesMark({ text, hint }: { text: string; hint: string }) {
  return <span class="row-mark row-toggle" title={hint} data-toggle="lines">{text}</span>;
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

/** Between the rows of another time and the live ones. */
function LaterRow({ entry: { fetch }, selected }: { entry: LaterEntry; selected: boolean }) {
  const problem = typeof fetch === "object" ? fetch.problem : null;
  return (
    <li id="row-later" class="row row-gap row-later" role="option" aria-selected={selected} data-later="">
      {problem === null ? "More logs follow here. " : `${problem}. `}
      <span class="row-action">
        {fetch === "running" ? "Loading…" : problem === null ? "Load them" : "Try again"}
      </span>
    </li>
  );
}
