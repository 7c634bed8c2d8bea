/** The browser's side of the stream. Nothing here runs on the server. */

import type { Memory } from "./row_view.ts";
import { fetchSource } from "./source.ts";
import type { StreamIo } from "./stream.ts";
import { createTabs } from "./tabs.ts";

/** How long a short answer may take, in milliseconds. */
const SHORT = 3000;

/** What {@link browserIo} needs to know. */
export interface BrowserIoOptions {
  /** Of the server, in milliseconds. */
  readonly heartbeat: number;
  /** Who is signed in: tabs of somebody else share nothing with this one. */
  readonly scope: string;
  /** Whether the stream is to go on although nobody sees the page. */
  readonly isNeeded: () => boolean;
}

/** The real network, clock and timers. */
export function browserIo({ heartbeat, scope, isNeeded }: BrowserIoOptions): StreamIo & Disposable {
  const schedule: StreamIo["schedule"] = (run, milliseconds) => {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  };
  const isSeen = () => document.visibilityState === "visible" || isNeeded();
  const now = () => Date.now();
  // Over HTTP/2 every tab has a stream of its own.
  const tabs = isFewConnections()
    ? createTabs({
      ...{ open: fetchSource, schedule, scope, now, isSeen },
      channel: new BroadcastChannel("tailpost-streams"),
      name: `${now()} ${Math.random()}`,
    })
    : null;
  const onHide = () => tabs?.leave();
  addEventListener("pagehide", onHide);
  return {
    open: tabs?.open ?? fetchSource,
    isUp: (signal) =>
      fetch("/healthz", { cache: "no-store", signal: AbortSignal.any([signal, AbortSignal.timeout(SHORT)]) })
        .then((response) => response.ok, () => false),
    isSeen,
    now,
    random: () => Math.random(),
    schedule,
    heartbeat,
    [Symbol.dispose]() {
      removeEventListener("pagehide", onHide);
      tabs?.close();
    },
  };
}

/** Whether the browser opens six connections at most to this server, as it does over HTTP/1.1. */
function isFewConnections(): boolean {
  const [navigation] = performance.getEntriesByType("navigation");
  return !/^h[23]/u.test((navigation as PerformanceNavigationTiming | undefined)?.nextHopProtocol ?? "");
}

/** A place in the browser's own storage, which can be switched off or full: choices then last as long as the page. */
export function browserMemory(key: string, storage = () => localStorage): Memory {
  return {
    read() {
      try {
        return storage().getItem(key);
      } catch {
        return null;
      }
    },
    write(text) {
      try {
        storage().setItem(key, text);
      } catch {
        // As said above.
      }
    },
  };
}
