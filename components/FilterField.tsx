import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { suggest, type Suggestion } from "../lib/live_tail/completion.ts";
import { visibleText } from "../lib/live_tail/format.ts";
import { browserMemory } from "../lib/live_tail/io.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { keepRecent, readRecent } from "../lib/live_tail/recent_filters.ts";
import { FilterPaint } from "./FilterPaint.tsx";
import { SearchIcon } from "./icons.tsx";

/** The filter as a text, with suggestions for what is being typed (WAI-ARIA: combobox with a list box). */
export function FilterField({ tail }: { tail: LiveTail }) {
  const { filter } = tail;
  const text = filter.text.value;
  const input = useRef<HTMLInputElement>(null);
  const paint = useRef<HTMLDivElement>(null);
  const [caret, setCaret] = useState<number | null>(null);
  const [recent, setRecent] = useState<readonly string[]>([]);
  const [marked, setMarked] = useState(-1);
  // The caret's place after a suggestion was taken: it can be set once the text is there.
  const next = useRef<number | null>(null);

  const suggestions = caret === null ? [] : suggest(text, caret, { known: tail.known.values.value, recent });
  const active = suggestions[marked];
  // What is still being typed, and may yet become something, is not wrong.
  const isUnfinished = suggestions.length > 0 && filter.problems.value[0]?.to === caret;
  const problem = isUnfinished ? null : problemOf(tail);

  // Before the next key: an effect of the frame after it would put the caret before what was typed since.
  useLayoutEffect(() => {
    if (next.current !== null) input.current?.setSelectionRange(next.current, next.current);
    next.current = null;
    alignPaint();
  }, [text]);
  useLayoutEffect(() => {
    if (active) document.getElementById(`suggestion-${marked}`)?.scrollIntoView({ block: "nearest" });
  }, [marked]);

  /** The painted text lies under the field's own, which scrolls. */
  function alignPaint() {
    if (paint.current && input.current) paint.current.scrollLeft = input.current.scrollLeft;
  }

  function open(at: number) {
    tail.known.ask(new URLSearchParams(location.search).get("organizationId"));
    if (caret === null) setRecent(readRecent(memory()));
    setCaret(at);
    setMarked(-1);
  }

  function close() {
    setCaret(null);
    setMarked(-1);
  }

  function take(suggestion: Suggestion) {
    next.current = suggestion.caret;
    filter.type(suggestion.text);
    setCaret(suggestion.caret);
    setMarked(-1);
    input.current?.focus();
  }

  function keep() {
    filter.settle();
    if (filter.problems.peek().length === 0) keepRecent(memory(), filter.text.peek());
  }

  function onKeyDown(event: KeyboardEvent) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (caret === null) return open(input.current?.selectionStart ?? text.length);
      const places = suggestions.length + 1;
      return setMarked((marked + 1 + step + places) % places - 1);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      if (active) return take(active);
      keep();
      return close();
    }
    if (event.key === "Tab" && active && !event.shiftKey) {
      event.preventDefault();
      return take(active);
    }
    if (event.key === "Escape" && suggestions.length > 0) {
      event.preventDefault();
      close();
    }
  }

  return (
    <div class="field field-filter">
      <div class="input">
        <SearchIcon />
        <div class="query">
          <FilterPaint filter={filter} frame={paint} isUnfinished={isUnfinished} />
          <input
            ref={input}
            type="text"
            role="combobox"
            data-key="search"
            aria-label="Filter"
            aria-autocomplete="list"
            aria-expanded={suggestions.length > 0}
            aria-controls="suggestions"
            {...(active ? { "aria-activedescendant": `suggestion-${marked}` } : {})}
            {...(problem === null ? {} : { "aria-invalid": true, "aria-describedby": "filter-problem" })}
            value={text}
            placeholder='Filter: level:error service:api "card declined" -healthz'
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => {
              filter.type(event.currentTarget.value);
              open(event.currentTarget.selectionStart ?? event.currentTarget.value.length);
            }}
            onKeyDown={onKeyDown}
            onScroll={alignPaint}
            onKeyUp={alignPaint}
            onClick={(event) => open(event.currentTarget.selectionStart ?? text.length)}
            onFocus={() => tail.known.ask(new URLSearchParams(location.search).get("organizationId"))}
            onBlur={() => {
              keep();
              close();
            }}
          />
        </div>
        <kbd aria-hidden="true">/</kbd>
      </div>
      <ul
        class="menu suggestions"
        id="suggestions"
        role="listbox"
        aria-label="Suggestions"
        hidden={suggestions.length === 0}
        // The field keeps the focus, and with it the list stays open.
        onMouseDown={(event) => event.preventDefault()}
      >
        {suggestions.map((suggestion, i) => (
          <li
            key={suggestion.label}
            id={`suggestion-${i}`}
            class="menu-item"
            role="option"
            aria-selected={i === marked}
            onClick={() => take(suggestion)}
          >
            <span class="suggestion-label">{visibleText(suggestion.label)}</span>
            <span class="suggestion-hint">{suggestion.hint}</span>
          </li>
        ))}
      </ul>
      {problem !== null && <p class="problem" id="filter-problem" role="alert">{problem}</p>}
    </div>
  );
}

/** What is wrong with the filter: with its text, else with what the server says of it. */
function problemOf({ filter, problem }: LiveTail): string | null {
  const [first] = filter.problems.value;
  if (!first) return problem.value === null || problem.value.path === null ? null : problem.value.message;
  const part = filter.text.value.slice(first.from, first.to);
  return `${first.message}: ${part.length > 60 ? `${part.slice(0, 60)}…` : part}`;
}

function memory() {
  return browserMemory("tailpost-filters");
}
