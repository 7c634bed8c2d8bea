/** Text with looks: folded to a line, and cut into runs that are drawn the same. Pure. */

import type { Mark } from "./marks.ts";

/** How a part of a text looks: classes of the stylesheet, and the custom properties they use. */
export interface Look {
  readonly class: string;
  readonly style: Readonly<Record<string, string>>;
}

/** Where a look begins and ends, in UTF-16 units of the text. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly look: Look;
}

/** A text and its looks: spans in order, none over another. */
export interface Styled {
  readonly text: string;
  readonly spans: readonly Span[];
}

/** A part of a text that is drawn the same. */
export interface Run {
  readonly text: string;
  /** Whether it is what was searched for. */
  readonly hit: boolean;
  readonly look: Look | null;
}

/** The first line that is not blank, and how many lines follow it. */
export function fold({ text, spans }: Styled): { readonly line: Styled; readonly more: number } {
  const whole = text.trim();
  const end = whole.indexOf("\n");
  if (end < 0 && whole === text) return { line: { text, spans }, more: 0 };
  const line = end < 0 ? whole : whole.slice(0, end);
  const start = text.length - text.trimStart().length;
  return {
    line: { text: line, spans: clip(spans, start, start + line.length) },
    more: whole.split("\n").length - 1,
  };
}

/** The runs of a text, of which some are hits. */
export function runs({ text, spans }: Styled, mark: Mark): readonly Run[] {
  const found: Run[] = [];
  let at = 0;
  let next = 0;
  const add = (end: number, hit: boolean) => {
    while (at < end) {
      while ((spans[next]?.to ?? Infinity) <= at) next++;
      const span = spans[next];
      const within = span !== undefined && span.from <= at;
      const stop = Math.min(end, (within ? span.to : span?.from) ?? end);
      found.push({ text: text.slice(at, stop), hit, look: within ? span.look : null });
      at = stop;
    }
  };
  for (const [from, to] of mark(text)) {
    add(from, false);
    add(to, true);
  }
  add(text.length, false);
  return found;
}

function clip(spans: readonly Span[], start: number, end: number): readonly Span[] {
  return spans.filter(({ from, to }) => from < end && to > start).map(({ from, to, look }) => ({
    from: Math.max(from, start) - start,
    to: Math.min(to, end) - start,
    look,
  }));
}
