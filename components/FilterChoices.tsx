import type { FilterText } from "../lib/live_tail/filter_text.ts";
import { visibleText } from "../lib/live_tail/format.ts";
import type { Choice } from "../lib/live_tail/value_choices.ts";

/** What a value can be made of in the filter. */
export function FilterChoices({ filter, choices }: { filter: FilterText; choices: readonly Choice[] }) {
  return (
    <span class="facts-choices">
      {choices.map(({ label, text }) => (
        <button
          key={label}
          type="button"
          class="link"
          onClick={() => filter.set(text)}
        >
          {visibleText(label.length > 60 ? `${label.slice(0, 60)}…` : label)}
        </button>
      ))}
    </span>
  );
}
