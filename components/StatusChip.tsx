import { useEffect, useState } from "preact/hooks";
import { chipOf } from "../lib/live_tail/connection.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";

/** Says where the connection stands: by words, by shape and by colour. */
export function StatusChip({ tail }: { tail: LiveTail }) {
  const connection = tail.connection.value;
  const counting = connection.phase === "reconnecting" && connection.retryAt !== null;
  const now = useNow(counting);
  const chip = chipOf(connection, tail.online.value, now);
  const body = (
    <>
      <span class="chip-shape" aria-hidden="true" />
      <span role="status" aria-live="polite" class="chip-label">{chip.label}</span>
      {chip.seconds !== null && <span class="chip-seconds" aria-hidden="true">in {chip.seconds} s</span>}
    </>
  );
  const attributes = { "class": `chip chip-${chip.tone}`, title: chip.hint, "data-status": chip.label };
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
      {isSignedOut && <a class="button button-accent sign-in" href={loginPath()}>Sign in</a>}
    </>
  );
}

/** Back to here after signing in. */
function loginPath(): string {
  return `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** The time, renewed four times a second while it matters. */
function useNow(running: boolean): number {
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [running]);
  return running && now === 0 ? Date.now() : now;
}
