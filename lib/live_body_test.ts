import assert from "node:assert/strict";
import { LiveBody, type Sink } from "./live_body.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A body, and what it told its writer. */
function create() {
  const told: string[] = [];
  const body = new LiveBody({
    drained: () => void told.push(`drained to ${body.waiting}`),
    cancelled: () => void told.push("cancelled"),
  });
  return { body, told, write: (text: string) => body.write(encoder.encode(text)) };
}

/** A sink that takes so many chunks at a time, and what it was given. */
function sinkOf(most: number): Sink & { readonly got: string[]; most: number } {
  const sink = {
    got: [] as string[],
    most,
    write: (bytes: Uint8Array) => {
      sink.got.push(decoder.decode(bytes));
      return --sink.most > 0;
    },
    end: () => void sink.got.push("end"),
  };
  return sink;
}

Deno.test("LiveBody gives a sink what waited, and then each chunk within the call that writes it", () => {
  const { body, told, write } = create();
  write("a");
  write("bc");
  assert.equal(body.waiting, 3);
  const sink = sinkOf(Infinity);
  body.connect(sink);
  assert.deepEqual([sink.got, body.waiting], [["a", "bc"], 0]);
  write("d");
  assert.deepEqual(sink.got, ["a", "bc", "d"]);
  body.close();
  write("nobody gets this");
  assert.deepEqual(sink.got, ["a", "bc", "d", "end"]);
  assert.deepEqual(told, ["drained to 0"]);
});

Deno.test("LiveBody keeps what a full sink does not take, in order, and ends after it", () => {
  const { body, told, write } = create();
  const sink = sinkOf(1);
  body.connect(sink);
  for (const text of ["a", "b", "c"]) write(text);
  body.close();
  assert.deepEqual([sink.got, body.waiting], [["a"], 2]);
  sink.most = 1;
  body.drained();
  assert.deepEqual([sink.got, told], [["a", "b"], ["drained to 1"]]);
  sink.most = 5;
  body.drained();
  assert.deepEqual([sink.got, body.waiting], [["a", "b", "c", "end"], 0]);
});

Deno.test("LiveBody ends a sink that comes after the end", () => {
  const { body } = create();
  body.close();
  const sink = sinkOf(1);
  body.connect(sink);
  assert.deepEqual(sink.got, ["end"]);
});

Deno.test("LiveBody writes on where its writer writes as soon as it drains", () => {
  const sink = sinkOf(1);
  let left = 3;
  const body = new LiveBody({
    drained: () => {
      if (left-- > 0) body.write(encoder.encode(`more ${left}`));
    },
    cancelled: () => {},
  });
  body.connect(sink);
  body.write(encoder.encode("a"));
  body.write(encoder.encode("b"));
  sink.most = 2;
  body.drained();
  assert.deepEqual(sink.got, ["a", "b", "more 2"]);
});

Deno.test("LiveBody is a stream for whoever reads it as one", async () => {
  const { body, told, write } = create();
  assert.equal(LiveBody.of(body.stream), body);
  assert.equal(LiveBody.of(new ReadableStream()), undefined);
  write("a");
  write("b");
  const reader = new Response(body.stream).body?.getReader();
  const next = async () => {
    const read = await reader?.read();
    return read?.done ? "end" : decoder.decode(read?.value);
  };
  assert.equal(await next(), "a");
  assert.equal(body.waiting, 1);
  assert.equal(await next(), "b");
  const waiting = next();
  write("c");
  assert.equal(await waiting, "c");
  write("d");
  body.close();
  assert.deepEqual([await next(), await next()], ["d", "end"]);
  assert.ok(told.length > 0 && !told.includes("cancelled"), told.join());
});

Deno.test("LiveBody tells once when its client is gone, and nothing after its end", async () => {
  const { body, told, write } = create();
  write("a");
  await body.stream.cancel();
  body.cancel();
  body.close();
  write("b");
  assert.deepEqual([told, body.waiting], [["cancelled"], 0]);

  const ended = create();
  const sink = sinkOf(1);
  ended.body.connect(sink);
  ended.write("a");
  ended.write("b");
  ended.body.close();
  ended.body.cancel();
  ended.body.drained();
  assert.deepEqual([sink.got, ended.told, ended.body.waiting], [["a"], [], 0]);
});
