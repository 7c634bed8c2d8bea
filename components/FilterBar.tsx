import { visibleText } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import type { SavedViews } from "../lib/live_tail/saved_views.ts";
import { withoutTerm } from "../lib/query_language.ts";
import { FilterField } from "./FilterField.tsx";
import { CloseIcon } from "./icons.tsx";
import { LevelToggles } from "./LevelToggles.tsx";
import { ViewsMenu } from "./ViewsMenu.tsx";

/** What the reader wants to see: the levels, the whole filter as a text, and its terms, each to be taken away. */
export function FilterBar({ tail, saved }: { tail: LiveTail; saved: SavedViews }) {
  return (
    <form
      class="filters"
      role="search"
      aria-label="Filters"
      onSubmit={(event) => event.preventDefault()}
    >
      <LevelToggles tail={tail} />
      <FilterField tail={tail} />
      <ViewsMenu tail={tail} saved={saved} />
      <Chips tail={tail} />
    </form>
  );
}

function Chips({ tail: { filter } }: { tail: LiveTail }) {
  const text = filter.text.value;
  const terms = filter.terms.value;
  if (terms.length === 0) return null;
  return (
    <div class="chips" role="group" aria-label="Terms of the filter">
      {terms.map((term) => {
        const written = visibleText(text.slice(term.from, term.to));
        return (
          <button
            key={term.from}
            type="button"
            class={term.isNegated ? "tag tag-not" : "tag"}
            title={written}
            aria-label={`Remove ${written}`}
            onClick={() => filter.set(withoutTerm(text, term))}
          >
            <span>{term.isNegated ? written.replace(/^-/u, "") : written}</span>
            <CloseIcon />
          </button>
        );
      })}
      <button type="button" class="link chips-clear" onClick={() => filter.set("")}>Clear filters</button>
    </div>
  );
}
