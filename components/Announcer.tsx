import { useEffect, useState } from "preact/hooks";
import { plural } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";

/** Logs can pour in far faster than anything can be read out: every so often a screen reader is told how many. */
const EVERY = 15_000;

/** A live region that sums up. */
export function Announcer({ tail }: { tail: LiveTail }) {
  const [text, setText] = useState("");
  const paused = tail.paused.value;
  useEffect(() => {
    let told = tail.received.peek();
    const timer = setInterval(() => {
      const now = tail.received.peek();
      const [logs, errors] = [now.logs - told.logs, now.errors - told.errors];
      told = now;
      if (logs > 0) setText(`${plural(logs, "new log")}${errors > 0 ? `, ${plural(errors, "error")}` : ""}`);
    }, EVERY);
    return () => clearInterval(timer);
  }, []);
  return <p class="sr-only" role="status" aria-live="polite">{paused ? "Paused" : text}</p>;
}
