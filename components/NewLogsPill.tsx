import { formatCount, plural } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { DownIcon, PlayIcon } from "./icons.tsx";

/** What arrived while the reader was elsewhere, and the way back to it. */
export function NewLogsPill({ tail }: { tail: LiveTail }) {
  const paused = tail.paused.value;
  if (!paused && tail.following.value) return null;
  const { cap } = tail.rows.display.value;
  const { fresh, overflow } = tail.list.value;
  return (
    <button
      type="button"
      class={paused ? "pill pill-paused" : fresh.logs > 0 ? "pill pill-new" : "pill"}
      onClick={() => tail.goLive()}
      title={`Back to live (End)${overflow ? `. Only the newest ${formatCount(cap - 1)} are kept` : ""}`}
    >
      {paused ? <PlayIcon /> : <DownIcon />}
      {paused && <span>Paused</span>}
      {fresh.logs > 0 ? <span>{formatCount(fresh.logs)} new</span> : !paused && <span>Back to live</span>}
      {fresh.errors > 0 && <span class="pill-errors">{plural(fresh.errors, "error")}</span>}
      {overflow !== null && <span class="pill-lost">{formatCount(overflow.missed)} will not be shown</span>}
    </button>
  );
}
