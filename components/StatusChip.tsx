import { useEffect, useState } from "preact/hooks";
import { chipOf } from "../lib/live_tail/connection.ts";
import { formatAge } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";

/** From so long after the last log on, in milliseconds, the chip says how long ago it was. */
const QUIET = 3000;

/** Says where the connection stands: by words, by shape and by colour. */
export function StatusChip({ tail }: { tail: LiveTail }) {
  const connection = tail.connection.value;
  const isCounting = connection.phase === "reconnecting" && connection.retryAt !== null;
  const now = useNow(isCounting ? 250 : connection.phase === "live" ? 1000 : 0);
  const chip = chipOf(connection, tail.online.value, now);
  const { log, server } = tail.heardAt();
  const hint = chip.isLive && server > 0
    ? `${chip.hint} The server was heard ${ago(server, now)}${
      log > 0 ? `, the last log came ${ago(log, now)}` : ""
    }.`
    : chip.hint;
  const body = (
    <>
      <span class="chip-shape" aria-hidden="true" />
      <span role="status" aria-live="polite" class="chip-label">{chip.label}</span>
      {chip.seconds !== null && <span class="chip-seconds" aria-hidden="true">in {chip.seconds} s</span>}
      {chip.isLive && log > 0 && now - log >= QUIET && (
        <span class="chip-seconds" aria-hidden="true">{ago(log, now)}</span>
      )}
    </>
  );
  const attributes = { "class": `chip chip-${chip.tone}`, title: hint, "data-status": chip.label };
  const isSignedOut = connection.phase === "refused" && connection.status === 401;
  // One element whatever the state: a live region that is replaced is not read out.
  return (
    <>
      <button
        type="button"
        {...attributes}
        aria-disabled={!chip.retry}
        onClick={() => {
          if (chip.retry) tail.retry();
        }}
      >
        {body}
      </button>
      {connection.isHeldBack && <a class="button" href="/help/proxies" target="_blank">How to mend it</a>}
      {isSignedOut && <a class="button button-accent sign-in" href={loginPath()}>Sign in</a>}
    </>
  );
}

/** Back to here after signing in. */
function loginPath(): string {
  return `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

function ago(time: number, now: number): string {
  return formatAge(new Date(time).toISOString(), now);
}

/** The time, renewed every so many milliseconds; not at all with 0. */
function useNow(every: number): number {
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (every === 0) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return every > 0 && now === 0 ? Date.now() : now;
}
