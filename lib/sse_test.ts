import assert from "node:assert/strict";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import fc from "fast-check";
import { LEVELS, type Log } from "./log.ts";
import { encodeCursor, encodeEvent, encodeLog, encodeOpening, HEARTBEAT, type StreamEvent } from "./sse.ts";

/** What a client makes of the bytes, cut into chunks of `size` bytes. */
function read(text: string, size = Infinity) {
  const events: EventSourceMessage[] = [];
  const comments: string[] = [];
  const retries: number[] = [];
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onComment: (comment) => comments.push(comment),
    onRetry: (retry) => retries.push(retry),
    onError: (error) => assert.fail(error),
  });
  const bytes = new TextEncoder().encode(text);
  // Deno's decoder (2.9) would else take a U+FEFF at the beginning of any chunk for a byte order mark.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for (let i = 0; i < bytes.length; i += size) {
    parser.feed(decoder.decode(bytes.subarray(i, i + size), { stream: true }));
  }
  return { events, comments, retries };
}

const hostile = fc.array(
  fc.oneof(
    fc.constantFrom(
      "\r",
      "\n",
      "\r\n",
      "\n\n",
      "\0",
      "\u2028",
      "\u2029",
      "\ufeff",
      "\ud800",
      "\udfff",
      "\u0085",
    ),
    fc.constantFrom("data: x\n\n", "id: 1:2:\n\n", "event: gap\n", ": ", '"', "\\", "</script>", "\x1b[2J"),
    fc.string({ unit: "binary", maxLength: 5 }),
  ),
  { maxLength: 20 },
).map((parts) => parts.join(""));

const logs = fc.record({
  id: fc.nat(Number.MAX_SAFE_INTEGER),
  timestamp: fc.constant("2026-01-31T12:00:00.000Z"),
  level: fc.constantFrom(...LEVELS),
  service: hostile,
  message: hostile,
}, { noNullPrototype: true });

Deno.test("encodeLog() frames one event a log, whatever its texts hold, however the bytes are cut", () => {
  fc.assert(fc.property(fc.array(logs, { maxLength: 4 }), fc.integer({ min: 1, max: 64 }), (logs, size) => {
    const { events, comments } = read(logs.map(encodeLog).join(""), size);
    assert.deepEqual(events.map(({ data }) => JSON.parse(data) as Log), logs);
    for (const event of events) assert.ok(event.event === undefined && event.id === undefined);
    assert.deepEqual(comments, []);
  }));
});

Deno.test("encodeEvent() names its event and carries its data", () => {
  const sent: StreamEvent[] = [
    { event: "ready", data: { organizationId: 1, database: "connected", cursor: "1:2:" } },
    { event: "ready", data: { organizationId: 1, database: "reconnecting", cursor: null } },
    { event: "status", data: { database: "reconnecting" } },
    { event: "gap", data: { missed: 3, from: "2026-01-31T12:00:00.000Z", to: "2026-01-31T12:00:01.000Z" } },
  ];
  const { events } = read(sent.map(encodeEvent).join(""));
  assert.deepEqual(events.map(({ event, data }) => ({ event, data: JSON.parse(data) })), sent);
});

Deno.test("encodeCursor() dispatches nothing and is no part of the event after it", () => {
  const [one] = fc.sample(logs, 1);
  assert.equal(encodeCursor("7310:7315:7310,7312"), "id: 7310:7315:7310,7312\n\n");
  const { events } = read(encodeCursor("1:2:") + (one ? encodeLog(one) : "") + encodeCursor("1:3:"));
  assert.equal(events.length, 1);
  assert.deepEqual(JSON.parse(events[0]?.data ?? ""), one);
});

Deno.test("encodeOpening() and HEARTBEAT say how long to wait, and nothing that is an event", () => {
  const { events, comments, retries } = read(encodeOpening(2000) + HEARTBEAT);
  assert.deepEqual({ events, comments, retries }, {
    events: [],
    comments: ["connected", "heartbeat"],
    retries: [2000],
  });
});
