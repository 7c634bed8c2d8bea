import type { RefObject } from "preact";
import type { FilterText } from "../lib/live_tail/filter_text.ts";

/** The field's text in colours, under the field: its keys, what it leaves out, and what cannot be understood. */
export function FilterPaint(
  { filter, frame, isUnfinished }: {
    filter: FilterText;
    frame: RefObject<HTMLDivElement>;
    isUnfinished: boolean;
  },
) {
  const text = filter.text.value;
  const problems = isUnfinished ? [] : filter.problems.value;
  const isBad = (from: number) => problems.some((problem) => problem.from <= from && from < problem.to);
  const parts = [
    ...filter.terms.value.map(({ from, to, isNegated, kind }) => ({
      from,
      to,
      class: isBad(from) ? "query-bad" : isNegated ? "query-not" : `query-${kind}`,
    })),
    ...problems.filter(({ from }) => !filter.terms.value.some((term) => term.from === from))
      .map(({ from, to }) => ({ from, to, class: "query-bad" })),
  ].sort((a, b) => a.from - b.from);
  return (
    <div ref={frame} class="query-paint" aria-hidden="true">
      {parts.map((part, i) => (
        <>
          {text.slice(parts[i - 1]?.to ?? 0, part.from)}
          <span key={part.from} class={part.class}>{text.slice(part.from, part.to)}</span>
        </>
      ))}
      {text.slice(parts.at(-1)?.to ?? 0)}
    </div>
  );
}
