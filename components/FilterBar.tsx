import { useState } from "preact/hooks";
import { visibleText } from "../lib/live_tail/format.ts";
import { CLEARED, type LiveTail } from "../lib/live_tail/model.ts";
import { activeFilters } from "../lib/live_tail/view.ts";
import { queryText } from "../lib/query_language.ts";
import { ExcludeField } from "./ExcludeField.tsx";
import { CloseIcon, FilterIcon } from "./icons.tsx";
import { LevelToggles } from "./LevelToggles.tsx";
import { SearchField } from "./SearchField.tsx";
import { ServiceField } from "./ServiceField.tsx";

/** The parameters whose controls fold away. */
const FOLDED: readonly string[] = ["level", "service", "not"];

/** What the reader wants to see. On narrow screens all but the search folds away. */
export function FilterBar({ tail }: { tail: LiveTail }) {
  const [unfolded, setUnfolded] = useState(false);
  const active = activeFilters(tail.view.value);
  // What is wrong must be seen.
  const shown = unfolded || FOLDED.includes(tail.problem.value?.path ?? "");
  const folded = active - Number(tail.view.value.q !== "");
  return (
    <form
      class={shown ? "filters unfolded" : "filters"}
      role="search"
      aria-label="Filters"
      onSubmit={(event) => event.preventDefault()}
    >
      <SearchField tail={tail} />
      <button
        type="button"
        class="button filters-fold"
        aria-expanded={shown}
        aria-controls="more-filters"
        onClick={() => setUnfolded(!shown)}
      >
        <FilterIcon />
        <span>Filters</span>
        {folded > 0 && <span class="count">{folded}</span>}
      </button>
      <div class="filters-more" id="more-filters">
        <LevelToggles tail={tail} />
        <ServiceField tail={tail} />
        <ExcludeField tail={tail} />
        <MoreFilters tail={tail} />
        {active > 0 && (
          <button type="button" class="button filters-clear" onClick={() => tail.edit(CLEARED)}>
            <CloseIcon />
            <span>Clear filters</span>
          </button>
        )}
      </div>
    </form>
  );
}

/** What the address filters by beside the controls: to be seen, and to be taken away. */
function MoreFilters({ tail }: { tail: LiveTail }) {
  const view = tail.view.value;
  if (view.more.length === 0) return null;
  const text = visibleText(queryText(new URLSearchParams(view.more.map(([name, value]) => [name, value]))));
  return (
    <button
      type="button"
      class="tag"
      title={text}
      aria-label={`Remove ${text}`}
      onClick={() => tail.edit({ ...view, more: [] })}
    >
      <span>{text}</span>
      <CloseIcon />
    </button>
  );
}
