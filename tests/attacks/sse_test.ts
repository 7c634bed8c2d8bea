// Nothing that a log holds breaks the framing of a stream.

import assert from "node:assert/strict";
import { testServer } from "../postgres.ts";
import { openViewer } from "../sse.ts";
import { parseStrictly } from "./sse_parser.ts";
import { startWorld } from "./world.ts";

const postgres = await testServer();

const PIECES = [
  "\r",
  "\n",
  "\r\n",
  "\n\n",
  "\r\r",
  "\u2028",
  "\u2029",
  "\u0085",
  "\ufeff",
  "\t",
  "\u0001",
  "\u001b[2J",
  "\u007f",
  "\ndata: {}\n\n",
  "\nid: 1\n\n",
  '\r\nevent: gap\r\ndata: {"missed":9}\r\n\r\n',
  "\n: comment\n\n",
  "\nretry: 1\n\n",
  "data: x",
  "id: 1",
  "event: gap",
  ": comment",
  "\\n",
  "\\u000a",
  "\\",
  '"',
  "\u{1f4a9}",
  "\uffff",
  "\0",
  "\ud800",
  "\udc00x",
]; // deno-fmt-ignore

/** What is documented: U+0000 becomes its picture, a lone surrogate U+FFFD. All else stays. */
const stored = (text: string) => text.replaceAll("\0", "\u2400").toWellFormed();

Deno.test("CR, LF, NUL and the like in every field stay within their line, by POST and by INSERT", async () => {
  await using world = await startWorld(postgres);
  const { sql } = world.tailpost;
  await using viewer = await openViewer(`${world.url}/api/logs/stream`, { "x-api-key": world.tokens.read });
  const texts = PIECES.flatMap((piece) => [piece, `a${piece}b`, piece + piece]);
  const posted = await world.send(
    texts.map((text) => ({ message: text, service: text, metadata: { [text]: text } })),
  );
  assert.equal(posted.status, 201, posted.text);
  const storable = texts.map(stored);
  for (const level of ["info", "x\n\ndata: y", "\r\nevent: gap"]) {
    await sql`insert into logs (message, service, level, metadata)
      select t, t, ${level}, jsonb_build_object(t, t) from unnest(${storable}::text[]) t`;
  }
  await sql`insert into logs (message) values ('the end')`;
  await viewer.untilLog("the end");
  const { logs, events } = parseStrictly(viewer.raw());
  assert.deepEqual(events, ["ready"]);
  const expected = [1, 2, 3, 4].flatMap(() => storable);
  assert.deepEqual(logs.slice(0, -1).map(({ message }) => message), expected);
  assert.deepEqual(logs.slice(0, -1).map(({ service }) => service), expected);
  // As they are given again, from the table and with the metadata.
  const { text } = await world.ask("/api/logs?limit=1000", { token: world.tokens.read });
  const history = JSON.parse(text).logs.slice(1, -1).reverse();
  assert.deepEqual(history.map(({ message }: { message: string }) => message), expected);
  for (const { message, metadata } of history) assert.deepEqual(metadata, { [message]: message });
  // A tail is framed by the same rules.
  await using tail = await openViewer(`${world.url}/api/logs/stream?tail=1000`, {
    "x-api-key": world.tokens.read,
  });
  await tail.untilLog("the end");
  assert.equal(parseStrictly(tail.raw()).logs.length, expected.length + 2);
});

Deno.test("a cursor that is none is refused, and none of it comes back in the framing", async () => {
  await using world = await startWorld(postgres);
  for (
    const cursor of [
      "1",
      "1:2:3\ndata: x",
      "1:2:\r",
      "-1:2:",
      "1:2:3,",
      "9".repeat(5000),
      "1:2:'",
      "\u0661:2:",
      "1:1:0x1",
    ]
  ) {
    const path = `/api/logs/stream?lastEventId=${encodeURIComponent(cursor)}`;
    const { status, text } = await world.ask(path, { token: world.tokens.read });
    assert.equal(status, 400, cursor);
    assert.equal(JSON.parse(text).error.code, "bad_cursor");
  }
});

Deno.test("parseStrictly() throws on what is not of the grammar", () => {
  const opening = "retry: 2000\n: connected\n\n";
  const log = '{"id":1,"timestamp":"","level":"info","service":"s","message":"m"}';
  assert.equal(parseStrictly(`${opening}data: ${log}\n\nid: 1:2:\n\n`).logs.length, 1);
  for (
    const bad of [
      `data: ${log}\nid: 1\n\n`,
      "data: {}\n\n",
      "id: x\n\n",
      ": comment\n\n",
      "event: log\ndata: {}\n\n",
      "\n\n",
      "x\n\n",
      `data: ${log}\r\n\n`,
      "data:{}\n\n",
    ] // deno-fmt-ignore
  ) assert.throws(() => parseStrictly(opening + bad), bad);
});
