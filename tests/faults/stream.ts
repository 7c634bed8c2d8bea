/** Reads a stream as the HTML standard has it (section 9.2), id-only blocks in their place among the logs. */

import type { Said } from "./ledger.ts";

/** How long the server may take to begin an answer, in milliseconds. */
const ANSWER = 10_000;

/** Turns text into what it says. Pure; what a broken stream has left unfinished is dropped, as browsers do. */
export function createReader(hear: (said: Said) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) readBlock(block, hear);
  };
}

function readBlock(block: string, hear: (said: Said) => void): void {
  let event = "";
  let data: string | null = null;
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) hear({ kind: "cursor", cursor: line.slice(4) });
    else if (line.startsWith("event: ")) event = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
    else if (!line.startsWith(":") && !line.startsWith("retry: ")) {
      throw new SyntaxError(`Not a line of a stream: ${line}`);
    }
  }
  if (data === null) return;
  const said = JSON.parse(data);
  if (event === "") {
    hear({ kind: "log", id: said.id, n: Number(/^#([0-9]+) /u.exec(said.message)?.[1] ?? NaN) });
  } else hear({ ...said, kind: event });
}

/** How {@link follow} asks for a stream. */
export interface Request {
  /** With the organization and the filter, without a cursor. */
  readonly url: string;
  readonly cursor: string | null;
  /** How the cursor is told. */
  readonly by: "header" | "query";
}

/** What {@link follow} may be told while it reads. */
export interface Following {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Awaited before each read; while it waits nothing is taken off the socket. */
  readonly mayRead?: () => Promise<void>;
  readonly onOpen?: () => void;
  /** After each piece of the network. */
  readonly onRead?: () => void;
}

/** Follows a stream until it ends, whoever ends it. Rejects when there is none, or it breaks. */
export async function follow(
  request: Request,
  hear: (said: Said) => void,
  following: Following,
): Promise<void> {
  const { signal, mayRead = () => Promise.resolve(), onOpen, onRead } = following;
  const url = new URL(request.url);
  const headers: Record<string, string> = {};
  if (request.cursor !== null && request.by === "query") url.searchParams.set("lastEventId", request.cursor);
  else if (request.cursor !== null) headers["last-event-id"] = request.cursor;
  const answering = new AbortController();
  const timer = setTimeout(() => answering.abort(new Error("No answer")), ANSWER);
  const response = await fetch(url, { headers, signal: AbortSignal.any([signal, answering.signal]) })
    .finally(() => clearTimeout(timer));
  if (!response.ok || !response.body) throw new Error(`${response.status} ${await response.text()}`);
  const reader = response.body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  const decoder = new TextDecoder();
  const read = createReader(hear);
  try {
    onOpen?.();
    for (;;) {
      await mayRead();
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      read(decoder.decode(value, { stream: true }));
      onRead?.();
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
  }
}
