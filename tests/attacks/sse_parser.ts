/**
 * A parser of streams that takes nothing but what Tailpost promises to send, byte by byte: whatever a log's text may have added to
 * the framing makes it throw.
 */

import type { Log } from "../../lib/log.ts";

/** What a stream held. */
export interface Strict {
  readonly logs: Log[];
  readonly events: string[];
  readonly cursors: string[];
}

const CURSOR = /^\d+:\d+:(?:\d+(?:,\d+)*)?$/u;
const KEYS = ["id", "timestamp", "level", "service", "message", "truncated"];

/**
 * Reads the bytes of a stream from its beginning; an unfinished block at the end is left out.
 *
 * @throws {Error} on any block that is not of the grammar
 */
export function parseStrictly(raw: string): Strict {
  const found: Strict = { logs: [], events: [], cursors: [] };
  // deno-lint-ignore no-control-regex -- no text of a log may put one of these on the wire as it is
  const bare = /[\u0000-\u0009\u000b-\u001f]/u.exec(raw);
  if (bare) throw new Error(`A bare control character at ${bare.index}: ${JSON.stringify(bare[0])}`);
  const blocks = raw.split("\n\n").slice(0, -1);
  if (blocks.shift() !== "retry: 2000\n: connected") throw new Error("Not the opening that is promised");
  for (const block of blocks) readBlock(block, found);
  return found;
}

function readBlock(block: string, found: Strict): void {
  const lines = block.split("\n");
  const [first = "", second = ""] = lines;
  const fail = (): never => {
    throw new Error(`Not a block of the grammar: ${JSON.stringify(block.slice(0, 300))}`);
  };
  if (block === ": heartbeat" || /^retry: \d+$/u.test(block)) return;
  if (lines.length === 1 && first.startsWith("id: ")) {
    if (!CURSOR.test(first.slice(4))) fail();
    found.cursors.push(first.slice(4));
  } else if (lines.length === 1 && first.startsWith("data: ")) {
    const log: Record<string, unknown> = JSON.parse(first.slice(6));
    const isLog = typeof log.id === "number" && typeof log.message === "string" &&
      typeof log.service === "string" && Object.keys(log).every((key) => KEYS.includes(key));
    if (!isLog) fail();
    found.logs.push(log as unknown as Log);
  } else if (lines.length === 2 && second.startsWith("data: ")) {
    const event = /^event: (ready|status|gap)$/u.exec(first)?.[1] ?? fail();
    JSON.parse(second.slice(6));
    found.events.push(event);
  } else fail();
}
