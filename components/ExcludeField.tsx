import type { LiveTail } from "../lib/live_tail/model.ts";
import { CloseIcon, ExcludeIcon } from "./icons.tsx";
import { problemAttributes, ProblemText } from "./ProblemText.tsx";

/** Texts that messages must not contain: one in the field, Enter keeps it and makes room for another. */
export function ExcludeField({ tail }: { tail: LiveTail }) {
  const view = tail.view.value;
  const kept = view.not.slice(0, -1);
  const draft = view.not.at(-1) ?? "";
  return (
    <div class="field field-not">
      <label class="input">
        <ExcludeIcon />
        <span class="sr-only">Leave out messages with</span>
        {kept.map((text, i) => (
          <button
            key={`${i} ${text}`}
            type="button"
            class="tag"
            aria-label={`Do not leave out ${text} any more`}
            onClick={() => tail.edit({ ...view, not: view.not.filter((_, j) => j !== i) })}
          >
            <span>{text}</span>
            <CloseIcon />
          </button>
        ))}
        <input
          type="text"
          name="not"
          value={draft}
          placeholder={kept.length > 0 ? "and" : "Exclude"}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          onInput={(event) => tail.edit({ ...view, not: [...kept, event.currentTarget.value] }, "not")}
          onKeyDown={(event) => {
            if (event.key === "Enter" && draft !== "") tail.edit({ ...view, not: [...kept, draft, ""] });
            if (event.key === "Backspace" && draft === "" && kept.length > 0) {
              event.preventDefault();
              tail.edit({ ...view, not: kept });
            }
          }}
          {...problemAttributes(tail, "not")}
        />
      </label>
      <ProblemText tail={tail} path="not" />
    </div>
  );
}
