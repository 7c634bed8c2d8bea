/** The life of the page in the browser: begins the stream and listens to what the browser says of the network. */

import { useEffect } from "preact/hooks";
import { browserIo, browserMemory } from "./io.ts";
import type { LiveTail } from "./model.ts";

/** Begins when the page is hydrated and ends with it. `heartbeat` in milliseconds; `scope` is who is signed in. */
export function useStream(
  tail: LiveTail,
  { skew, heartbeat, scope }: { skew: () => number; heartbeat: number; scope: string },
): void {
  useEffect(() => {
    const here = () => location.pathname;
    const io = browserIo(heartbeat, scope);
    const stop = tail.start({
      ...io,
      address: {
        read: () => location.search,
        push: (search) => history.pushState(null, "", here() + search),
        replace: (search) => history.replaceState(null, "", here() + search),
      },
      frame,
      skew: skew(),
      memory: browserMemory("tailpost-view"),
    });
    const onNetwork = () => {
      tail.online.value = navigator.onLine;
      if (navigator.onLine) tail.wake();
    };
    const onVisible = () => {
      if (document.visibilityState === "visible") tail.wake();
    };
    const onShow = (event: PageTransitionEvent) => {
      if (event.persisted) tail.wake();
    };
    const onMove = () => tail.moved();
    onNetwork();
    addEventListener("online", onNetwork);
    addEventListener("offline", onNetwork);
    addEventListener("pageshow", onShow);
    addEventListener("popstate", onMove);
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      removeEventListener("online", onNetwork);
      removeEventListener("offline", onNetwork);
      removeEventListener("pageshow", onShow);
      removeEventListener("popstate", onMove);
      document.removeEventListener("visibilitychange", onVisible);
      stop();
      io[Symbol.dispose]();
    };
  }, []);
}

/** How long a tab that nobody sees waits for a frame, in milliseconds: it gets none, and its title is to go on. */
const UNSEEN = 1000;

/** Runs something before the next repaint; in a tab that is not seen, once a second at most. */
function frame(run: () => void): void {
  const timer = setTimeout(() => {
    cancelAnimationFrame(request);
    run();
  }, UNSEEN);
  const request = requestAnimationFrame(() => {
    clearTimeout(timer);
    run();
  });
}

/**
 * How far the server's clock is ahead of this one, in milliseconds: the page says when it was rendered, the browser when
 * it came. Off by the time the answer took, which is nothing against a bar of a second.
 */
export function clockSkew(renderedAt: number): number {
  const [navigation] = performance.getEntriesByType("navigation");
  const arrived = performance.timeOrigin +
    ((navigation as PerformanceNavigationTiming | undefined)?.responseStart ?? 0);
  return renderedAt - arrived;
}
