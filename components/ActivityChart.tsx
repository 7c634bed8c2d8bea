import { useEffect, useState } from "preact/hooks";
import { ACTIVITY_SECONDS, type Second } from "../lib/live_tail/activity.ts";
import { formatCount } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";

const HEIGHT = 22;
const STEP = 3;

/** The last minute, a bar a second: errors below in red, warnings above them, the rest on top. */
export function ActivityChart({ tail, skew }: { tail: LiveTail; skew: () => number }) {
  const [seconds, setSeconds] = useState<readonly Second[]>([]);
  useEffect(() => {
    const renew = () => setSeconds(tail.activity.read(Date.now() + skew()));
    renew();
    const timer = setInterval(renew, 1000);
    return () => clearInterval(timer);
  }, []);
  const highest = Math.max(4, ...seconds.map(total));
  const lately = seconds.slice(-5);
  const rate = lately.reduce((sum, second) => sum + total(second), 0) / 5;
  const label = `${rate < 10 ? formatRate(rate) : formatCount(Math.round(rate))}/s`;
  return (
    <div class="activity" title="Logs a second over the last minute, as this filter lets them through">
      <svg
        viewBox={`0 0 ${ACTIVITY_SECONDS * STEP} ${HEIGHT}`}
        width={ACTIVITY_SECONDS * STEP}
        height={HEIGHT}
        aria-hidden="true"
        focusable="false"
      >
        <path class="bar-base" d={`M0 ${HEIGHT - .5}H${ACTIVITY_SECONDS * STEP}`} />
        <path class="bar-calm" d={bars(seconds, highest, total)} />
        <path class="bar-warning" d={bars(seconds, highest, (second) => second.warnings + second.errors)} />
        <path class="bar-error" d={bars(seconds, highest, (second) => second.errors)} />
      </svg>
      <span class="activity-rate">{label}</span>
    </div>
  );
}

function total({ calm, warnings, errors }: Second): number {
  return calm + warnings + errors;
}

function formatRate(rate: number): string {
  return rate === 0 ? "0" : rate.toFixed(1);
}

/** All bars of a kind as one path: three elements to update instead of hundreds. */
function bars(seconds: readonly Second[], highest: number, value: (second: Second) => number): string {
  return seconds.map((second, i) => {
    const height = Math.round(value(second) / highest * (HEIGHT - 2) * 2) / 2;
    return height > 0 ? `M${i * STEP} ${HEIGHT - 1}v-${height}h${STEP - 1}v${height}z` : "";
  }).join("");
}
