import { useState } from "preact/hooks";
import { formatLocal } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { readTime } from "../lib/live_tail/time_text.ts";
import { Dialog } from "./Dialog.tsx";

const EXAMPLES = ["5m ago", "1h ago", "today 0:00", "yesterday"] as const;

/** Asks which time to look at. */
export function TimeDialog({ tail }: { tail: LiveTail }) {
  const shown = tail.asksTime.value;
  const [text, setText] = useState("");
  const isUtc = tail.rows.display.value.clock === "utc";
  const close = () => tail.asksTime.value = false;
  const read = (given: string) => {
    const time = readTime(given, Date.now(), isUtc);
    return time === null ? null : new Date(time).toISOString();
  };
  const go = (time: string | null) => {
    if (time === null) return;
    close();
    tail.goTo({ kind: "time", time });
  };
  const time = shown ? read(text) : null;
  return (
    <Dialog id="time" title="Go to a time" class="time-dialog" isOpen={shown} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go(read(text));
        }}
      >
        <label>
          <span class="sr-only">Time</span>
          <input
            type="text"
            data-first
            class="text-input"
            value={text}
            placeholder="14:05, yesterday 14:05, 2h ago, 2026-01-31 14:05"
            autocomplete="off"
            spellcheck={false}
            aria-describedby="time-read"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <label class="time-pick">
          Or pick it
          <input
            type="datetime-local"
            step="1"
            class="text-input"
            onInput={(event) => setText(event.currentTarget.value.replace("T", " "))}
          />
        </label>
        <p
          id="time-read"
          class={time === null && text.trim() !== "" ? "problem" : "time-read"}
          role="status"
        >
          {text.trim() === ""
            ? `Times are ${isUtc ? "UTC" : "local"}, as the View menu says`
            : time === null
            ? "Expected a time, such as 14:05, yesterday 14:05, 2h ago or 2026-01-31 14:05"
            : isUtc
            ? time
            : formatLocal(time)}
        </p>
        <div class="time-actions">
          {EXAMPLES.map((example) => (
            <button
              key={example}
              type="button"
              class="button button-small"
              onClick={() => go(read(example))}
            >
              {example}
            </button>
          ))}
          <button type="submit" class="button button-accent" disabled={time === null}>Go</button>
        </div>
      </form>
    </Dialog>
  );
}
