import { LEVEL_LABELS } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { withLevels } from "../lib/live_tail/value_choices.ts";
import { levelsOf } from "../lib/live_tail/view.ts";
import { type Level, LEVELS } from "../lib/log.ts";
import { queryParams } from "../lib/query_language.ts";

/** Six switches; none pressed lets every level through. */
export function LevelToggles({ tail: { filter } }: { tail: LiveTail }) {
  const passed = levelsOf(queryParams(filter.terms.value));
  const pressed = passed.length === LEVELS.length ? [] : passed;
  const toggle = (level: Level) =>
    filter.set(withLevels(
      filter.text.peek(),
      pressed.includes(level) ? pressed.filter((other) => other !== level) : [...pressed, level],
    ));
  return (
    <div class="field field-levels">
      <div class="levels" role="group" aria-label="Levels">
        {LEVELS.map((level) => (
          <button
            key={level}
            type="button"
            class={`level-toggle level-${level}`}
            aria-pressed={pressed.includes(level)}
            title={pressed.includes(level) ? `Without ${level}` : `Only ${level}`}
            onClick={() => toggle(level)}
          >
            <span class="level-shape" aria-hidden="true" />
            <span aria-hidden="true">{LEVEL_LABELS[level]}</span>
            <span class="sr-only">{level}</span>
          </button>
        ))}
      </div>
    </div>
  );
}
