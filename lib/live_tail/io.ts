/** The browser's side of the stream. Nothing here runs on the server. */

import type { Memory } from "./row_view.ts";
import { type Answer, readProblem, readRetryAfter } from "./answer.ts";
import type { Source, StreamIo } from "./stream.ts";

/** The real EventSource, network, clock and timers. */
export function browserIo(): StreamIo {
  return {
    open: (url) => new EventSource(url) as Source,
    probe,
    now: () => Date.now(),
    random: () => Math.random(),
    schedule(run, milliseconds) {
      const timer = setTimeout(run, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}

/** A place in the browser's own storage, which can be switched off or full: choices then last as long as the page. */
export function browserMemory(key: string): Memory {
  return {
    read() {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    write(text) {
      try {
        localStorage.setItem(key, text);
      } catch {
        // As said above.
      }
    },
  };
}

/** Reads the status, and the body of an error; a stream that answers after all is dropped at once. */
async function probe(url: string, signal: AbortSignal): Promise<Answer> {
  const asking = new AbortController();
  const stop = () => asking.abort();
  signal.addEventListener("abort", stop);
  try {
    const response = await fetch(url, {
      headers: { accept: "text/event-stream" },
      cache: "no-store",
      signal: asking.signal,
    });
    const problem = response.ok ? null : readProblem(await response.text());
    return {
      status: response.status,
      retryAfter: readRetryAfter(response.headers.get("retry-after")),
      problem,
    };
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
