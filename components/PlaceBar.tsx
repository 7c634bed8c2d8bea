import { formatLocal } from "../lib/live_tail/format.ts";
import type { Place } from "../lib/live_tail/jump.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { CloseIcon } from "./icons.tsx";

/** Says that the list is of another time, and which; while it is live, nothing. */
export function PlaceBar({ tail }: { tail: LiveTail }) {
  const whereabouts = tail.whereabouts.value;
  if (whereabouts.kind === "live") return null;
  const { place } = whereabouts;
  const isUtc = tail.rows.display.value.clock === "utc";
  return (
    <div class="place-bar" role="status">
      {whereabouts.kind === "loading" && <span>Looking for {nameOf(place, isUtc)}…</span>}
      {whereabouts.kind === "there" && (
        <span>
          {whereabouts.isEnd
            ? `No logs at or after ${nameOf(place, isUtc)}: these are the last before`
            : `Logs around ${nameOf(place, isUtc)}`}
        </span>
      )}
      {whereabouts.kind === "failed" && (
        <>
          <span class="problem">{whereabouts.problem}.</span>
          <button type="button" class="link" onClick={() => tail.goTo(place)}>Try again</button>
        </>
      )}
      <button
        type="button"
        class="button button-icon"
        aria-label="Back to live"
        title="Back to live (End)"
        onClick={() => tail.goLive()}
      >
        <CloseIcon />
      </button>
    </div>
  );
}

function nameOf(place: Place, isUtc: boolean): string {
  if (place.kind === "log") return `log ${place.id}`;
  return isUtc ? place.time.replace("T", " ") : formatLocal(place.time);
}
