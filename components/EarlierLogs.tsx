import { plural } from "../lib/live_tail/format.ts";
import { isFull } from "../lib/live_tail/fill.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";

/** What stands above the first row: where the logs before it are. */
export function EarlierLogs({ tail }: { tail: LiveTail }) {
  const earlier = tail.earlier.value;
  const { rows } = tail.list.value;
  if (earlier.kind === "loading") return <p class="earlier" aria-busy="true">Loading earlier logs…</p>;
  if (earlier.kind === "none" && earlier.first === rows[0]?.key) {
    return <p class="earlier">These are the first logs</p>;
  }
  if (isFull(rows)) {
    return (
      <p class="earlier">
        This page holds {plural(rows.length, "row")}, and no more: narrow the filter to see further back
      </p>
    );
  }
  return (
    <p class="earlier">
      {earlier.kind === "failed" && <span class="problem">{earlier.problem}.</span>}
      <button type="button" class="link" onClick={() => tail.loadEarlier(true)}>
        {earlier.kind === "failed"
          ? "Try again"
          : earlier.kind === "cleared"
          ? "Show what was cleared"
          : "Show earlier logs"}
      </button>
    </p>
  );
}
