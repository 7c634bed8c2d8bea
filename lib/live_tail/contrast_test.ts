import assert from "node:assert/strict";
import fc from "fast-check";
import { contrast, cssColor, LEAST_CONTRAST, readable } from "./contrast.ts";

const color = fc.integer({ min: 0, max: 0xffffff });

Deno.test("contrast() is 21 between black and white, 1 between equals", () => {
  assert.equal(contrast(0x000000, 0xffffff), 21);
  assert.equal(contrast(0x123456, 0x123456), 1);
  assert.ok(Math.abs(contrast(0x767676, 0xffffff) - 4.54) < 0.01);
});

Deno.test("readable() can be read on any background, and leaves alone what could be read before", () => {
  fc.assert(fc.property(color, color, (color, background) => {
    const found = readable(color, background);
    assert.ok(contrast(found, background) >= LEAST_CONTRAST);
    if (contrast(color, background) >= LEAST_CONTRAST) assert.equal(found, color);
  }));
});

Deno.test("cssColor() has six digits", () => {
  assert.equal(cssColor(0x00000a), "#00000a");
});
