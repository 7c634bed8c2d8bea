import { formatCount, plural } from "../lib/live_tail/format.ts";
import { isTorn } from "../lib/live_tail/entries.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";

/** A status line: what is shown of what came, and the keys that matter most. */
export function Footer({ tail }: { tail: LiveTail }) {
  const { rows } = tail.list.value;
  const { logs, errors } = tail.received.value;
  const { cap } = tail.rows.display.value;
  const missed = rows.filter(isTorn).reduce((sum, { gap }) => sum + gap.missed, 0);
  const shown = rows.filter((entry) => entry.kind === "log").length;
  return (
    <footer class="footer">
      <span>
        {shown <= logs ? `${formatCount(shown)} of ${plural(logs, "log")}` : plural(shown, "log")}
        {errors > 0 && <span class="footer-errors">{plural(errors, "error")}</span>}
        {missed > 0 && (
          <span class="footer-missed" title="Scroll up (Home) to the row that says so and loads them">
            {formatCount(missed)} not shown
          </span>
        )}
        {logs > cap && <span class="footer-quiet">newest {formatCount(cap)} kept here</span>}
      </span>
      <span class="footer-keys" aria-hidden="true">
        <kbd>/</kbd> search <kbd>Space</kbd> pause <kbd>j</kbd>
        <kbd>k</kbd> move <kbd>Enter</kbd> details <kbd>End</kbd> live <kbd>?</kbd> keys
      </span>
    </footer>
  );
}
