import assert from "node:assert/strict";
import fc from "fast-check";
import { CAPS, CLOCKS, DEFAULT_DISPLAY, displayClass, readDisplay, writeDisplay } from "./display.ts";
import { SPANS } from "./rate.ts";

Deno.test("readDisplay() reads what writeDisplay() wrote", () => {
  const display = fc.record({
    wrap: fc.boolean(),
    clock: fc.constantFrom(...CLOCKS),
    milliseconds: fc.boolean(),
    cap: fc.constantFrom<number>(...CAPS),
    foldRepeats: fc.boolean(),
    strip: fc.boolean(),
    minutes: fc.constantFrom(...SPANS),
    time: fc.boolean(),
    level: fc.boolean(),
    service: fc.boolean(),
  }, { noNullPrototype: true });
  fc.assert(fc.property(display, (display) => assert.deepEqual(readDisplay(writeDisplay(display)), display)));
});

Deno.test("readDisplay() takes the default for whatever it does not know", () => {
  for (const text of [null, "", "{", "null", "7", '{"cap":1e9,"clock":"sundial","wrap":"yes","time":null}']) {
    assert.deepEqual(readDisplay(text), DEFAULT_DISPLAY);
  }
  assert.deepEqual(readDisplay('{"cap":2000}'), { ...DEFAULT_DISPLAY, cap: 2000 });
});

Deno.test("displayClass() names what differs from plain rows", () => {
  assert.equal(displayClass(DEFAULT_DISPLAY), "time-local");
  assert.equal(
    displayClass({ ...DEFAULT_DISPLAY, wrap: true, clock: "utc", milliseconds: false, service: false }),
    "time-utc wrap no-milliseconds no-service",
  );
});
