/** One answer of the server to the stream's URL, by fetch(): unlike an EventSource it tells statuses, heartbeats and lone ids. */

import { type Answer, readProblem, readRetryAfter } from "./answer.ts";
import { createEventParser, type EventBlock } from "./event_parser.ts";

/** What is heard of a stream. */
export type Heard =
  | { readonly kind: "block"; readonly block: EventBlock }
  /** A heartbeat, or another comment. */
  | { readonly kind: "alive" }
  /** The answer is no stream. The last that is heard. */
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The connection was lost, or ended by the server. The last that is heard. */
  | { readonly kind: "lost" }
  /** It came by way of another tab, which has gone. The last that is heard. */
  | { readonly kind: "moved" }
  /** Another tab needed its place. The last that is heard. */
  | { readonly kind: "rested" };

/** Opens a stream and tells what is heard, never before it has returned. The result ends it, and nothing is heard from then on. */
export type OpenSource = (url: string, hear: (heard: Heard) => void) => () => void;

/** Opens a stream over the network. */
export const fetchSource: OpenSource = (url, hear) => {
  const asking = new AbortController();
  const tell = (heard: Heard) => {
    if (!asking.signal.aborted) hear(heard);
  };
  read(url, asking.signal, tell).catch(() => tell({ kind: "lost" }));
  return () => asking.abort();
};

async function read(url: string, signal: AbortSignal, tell: (heard: Heard) => void): Promise<void> {
  const response = await fetch(url, {
    headers: { accept: "text/event-stream" },
    cache: "no-store",
    // A proxy that signs people on sends them elsewhere.
    redirect: "manual",
    signal,
  });
  const isStream = response.ok && response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!isStream || !response.body) return tell({ kind: "answer", answer: await answerOf(response) });
  const parse = createEventParser({
    block: (block) => tell({ kind: "block", block }),
    comment: () => tell({ kind: "alive" }),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return tell({ kind: "lost" });
      parse(value);
    }
  } finally {
    // What is too long to be read ends the stream.
    reader.cancel().catch(() => {});
  }
}

async function answerOf(response: Response): Promise<Answer> {
  if (response.type === "opaqueredirect") {
    return {
      status: 401,
      retryAfter: null,
      problem: { path: null, message: "The server sends this page elsewhere: sign in again" },
    };
  }
  const retryAfter = readRetryAfter(response.headers.get("retry-after"));
  if (response.ok) {
    await response.body?.cancel();
    const problem = {
      path: null,
      message: "Something between this page and the server answers in its place",
    };
    return { status: 502, retryAfter, problem };
  }
  return {
    status: response.status,
    retryAfter,
    problem: readProblem((await response.text()).slice(0, 100_000)),
  };
}
