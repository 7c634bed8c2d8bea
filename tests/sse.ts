/** A viewer for tests: a real HTTP stream, read with a real parser. */

import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Log } from "../lib/log.ts";

/** An open stream. */
export interface TestViewer extends AsyncDisposable {
  /** Every log so far. */
  readonly logs: Log[];
  /** Every named event so far. */
  readonly events: EventSourceMessage[];
  /** The newest `id:` line. */
  readonly cursor: string | null;
  readonly headers: Headers;
  /** Everything as it came. */
  raw(): string;
  /** Waits until `done` holds, which is asked again whenever something came. Rejects after so many seconds, 20 by default. */
  until(what: string, done: (viewer: TestViewer) => boolean, seconds?: number): Promise<void>;
  /** Waits for a log with this message. */
  untilLog(message: string): Promise<Log>;
  /** Settles when the server ended the stream. */
  readonly ended: Promise<void>;
}

/** Opens a stream and waits until the server is ready to send on it. */
export async function openViewer(url: string, headers: Record<string, string> = {}): Promise<TestViewer> {
  const response = await fetch(url, { headers });
  if (!response.ok || !response.body) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  const logs: Log[] = [];
  const events: EventSourceMessage[] = [];
  let cursor: string | null = null;
  let raw = "";
  let came = Promise.withResolvers<void>();
  const parser = createParser({
    onEvent: (event) => event.event === undefined ? logs.push(JSON.parse(event.data)) : events.push(event),
  });
  const reader = response.body.getReader();
  let isOver = false;
  const ended = (async () => {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const text = decoder.decode(value, { stream: true });
        raw += text;
        parser.feed(text);
        // Id-only blocks dispatch nothing, so the parser does not tell of them.
        cursor = [...text.matchAll(/^id: (.+)$/gmu)].at(-1)?.[1] ?? cursor;
        came.resolve();
        came = Promise.withResolvers();
      }
    } finally {
      isOver = true;
      came.resolve();
    }
  })();
  const viewer: TestViewer = {
    logs,
    events,
    get cursor() {
      return cursor;
    },
    headers: response.headers,
    raw: () => raw,
    ended,
    async until(what, done, seconds = 20) {
      const late = Promise.withResolvers<never>();
      const fail = () =>
        late.reject(
          new Error(
            `No ${what} within ${seconds} s: ${logs.length} logs, ${JSON.stringify(events.slice(-5))}`,
          ),
        );
      const timer = setTimeout(fail, seconds * 1000);
      try {
        while (!done(viewer)) {
          if (isOver) fail();
          await Promise.race([late.promise, came.promise]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async untilLog(message) {
      const find = () => logs.find((log) => log.message === message);
      await viewer.until(`log ${message}`, () => find() !== undefined);
      return find()!;
    },
    async [Symbol.asyncDispose]() {
      await reader.cancel();
      await ended;
    },
  };
  await viewer.until("ready", () => events.some(({ event }) => event === "ready"));
  return viewer;
}
