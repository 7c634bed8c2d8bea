/** The browser's tab tells what waits, for whoever looks at another one. */

import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Tally } from "./entries.ts";
import { formatCount, plural } from "./format.ts";
import type { LiveTail } from "./model.ts";

/** The tab's title and icon for what has arrived since the reader stopped following. Pure. */
export function tabOf(
  title: string,
  { logs, errors }: Tally,
  isPaused: boolean,
): { title: string; icon: string } {
  if (logs === 0) return { title: isPaused ? `Paused · ${title}` : title, icon: "/favicon.svg" };
  const counts = errors > 0 ? `${formatCount(logs)}, ${plural(errors, "error")}` : formatCount(logs);
  return { title: `(${counts}) ${title}`, icon: errors > 0 ? "/favicon-errors.svg" : "/favicon-new.svg" };
}

/** Keeps title and icon of the tab true. */
export function useTabTitle(tail: LiveTail): void {
  useEffect(() => {
    const plain = document.title;
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    const original = link?.href;
    const stop = effect(() => {
      const tab = tabOf(plain, tail.list.value.fresh, tail.paused.value);
      if (document.title !== tab.title) document.title = tab.title;
      if (link && !link.href.endsWith(tab.icon)) link.href = tab.icon;
    });
    return () => {
      stop();
      document.title = plain;
      if (link && original !== undefined) link.href = original;
    };
  }, []);
}
