import assert from "node:assert/strict";
import { SERVICE_COLORS, serviceColor } from "./service_color.ts";

Deno.test("serviceColor() is the same for a name, and uses all colours", () => {
  assert.equal(serviceColor("checkout"), serviceColor("checkout"));
  const used = new Set(Array.from({ length: 400 }, (_, i) => serviceColor(`service-${i}`)));
  assert.equal(used.size, SERVICE_COLORS);
});

Deno.test("serviceColor() has a class in the stylesheet for each colour", async () => {
  const css = await Deno.readTextFile(new URL("../../static/styles.css", import.meta.url));
  for (let i = 0; i < SERVICE_COLORS; i++) assert.match(css, new RegExp(`\\.svc-${i} \\{`));
});
