import type { LiveTail } from "../lib/live_tail/model.ts";
import { SearchIcon } from "./icons.tsx";
import { problemAttributes, ProblemText } from "./ProblemText.tsx";

/** The text that messages must contain. */
export function SearchField({ tail }: { tail: LiveTail }) {
  const view = tail.view.value;
  return (
    <div class="field field-search">
      <label class="input">
        <SearchIcon />
        <span class="sr-only">Search in messages</span>
        <input
          type="search"
          name="q"
          data-key="search"
          value={view.q}
          placeholder="Search, or /regexp/i"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          onInput={(event) => tail.edit({ ...view, q: event.currentTarget.value }, "q")}
          {...problemAttributes(tail, "q")}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <ProblemText tail={tail} path="q" />
    </div>
  );
}
