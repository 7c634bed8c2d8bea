/** The life of the page in the browser: begins the stream and listens to what the browser says of the network. */

import { useEffect } from "preact/hooks";
import type { Address } from "./filter_text.ts";
import { browserIo, browserMemory } from "./io.ts";
import type { LiveTail } from "./model.ts";
import { namesView } from "./view.ts";

/** The address of the page. */
export const pageAddress: Address = {
  read: () => location.search,
  push: (search) => history.pushState(null, "", location.pathname + search),
  replace: (search) => history.replaceState(null, "", location.pathname + search),
};

/**
 * An address that says so where it means all logs: one that says nothing would bring up the default view.
 *
 * @param hasDefault whether there is one
 */
export function namedAddress({ read, push, replace }: Address, hasDefault: () => boolean): Address {
  const named = (search: string) =>
    hasDefault() && !namesView(new URLSearchParams(search))
      ? `?${new URLSearchParams([["filter", ""], ...new URLSearchParams(search)])}`
      : search;
  return {
    read,
    push(search) {
      if (named(search) !== read()) push(named(search));
    },
    replace: (search) => replace(named(search)),
  };
}

/** What {@link useStream} needs to know. */
export interface StreamSurroundings {
  readonly skew: () => number;
  /** Of the server, in milliseconds. */
  readonly heartbeat: number;
  /** Who is signed in. */
  readonly scope: string;
  /** Whether a page whose address says nothing opens with a view. */
  readonly hasDefault: () => boolean;
}

/** Begins when the page is hydrated and ends with it. */
export function useStream(
  tail: LiveTail,
  { skew, heartbeat, scope, hasDefault }: StreamSurroundings,
): void {
  useEffect(() => {
    const io = browserIo({ heartbeat, scope, isNeeded: () => tail.alerts.isOn.peek() });
    const stop = tail.start({
      ...io,
      address: namedAddress(pageAddress, hasDefault),
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
