import assert from "node:assert/strict";
import { h } from "preact";
import { serializeProps } from "./serialize.ts";

Deno.test("serializeProps() keeps whatever JSON can express", () => {
  const props = {
    text: "</script>\u2028",
    list: [1, null, [true], { deep: { er: "x" } }],
    bare: Object.assign(Object.create(null), { a: 1 }),
    // A log's metadata may have any names at all.
    tricky: JSON.parse('{"constructor":"x","__proto__":{"a":1},"toString":1}'),
  };
  assert.deepEqual(JSON.parse(serializeProps("Island", props)), JSON.parse(JSON.stringify(props)));
  assert.equal(
    serializeProps("Island", { missing: undefined, nested: { missing: undefined } }),
    '{"nested":{}}',
  );
});

Deno.test("serializeProps() names the island and the prop that it can not serialise", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const bad = [
    () => {},
    Symbol("x"),
    1n,
    NaN,
    Infinity,
    new Date(0),
    new Map(),
    new URL("http://localhost"),
    [undefined],
    h("p", null),
    circle,
    { toJSON: () => 1 },
  ];
  for (const value of bad) {
    for (const wrapped of [value, { in: value }, [value]]) {
      assert.throws(
        () => serializeProps("Chart", { fine: 1, data: wrapped }),
        /^TypeError: Cannot serialise prop "data" of island Chart: ./,
      );
    }
  }
});
