import { LEVEL_LABELS } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { toggleLevel } from "../lib/live_tail/view.ts";
import { LEVELS } from "../lib/log.ts";
import { ProblemText } from "./ProblemText.tsx";

/** Six switches; none pressed lets every level through. */
export function LevelToggles({ tail }: { tail: LiveTail }) {
  const view = tail.view.value;
  return (
    <div class="field field-levels">
      <div class="levels" role="group" aria-label="Levels">
        {LEVELS.map((level) => (
          <button
            key={level}
            type="button"
            class={`level-toggle level-${level}`}
            aria-pressed={view.levels.includes(level)}
            aria-label={level}
            title={view.levels.includes(level) ? `Without ${level}` : `Only ${level}`}
            onClick={() => tail.edit(toggleLevel(tail.view.value, level))}
          >
            <span class="level-shape" aria-hidden="true" />
            <span aria-hidden="true">{LEVEL_LABELS[level]}</span>
          </button>
        ))}
      </div>
      <ProblemText tail={tail} path="level" />
    </div>
  );
}
