import assert from "node:assert/strict";
import { FILTER_BOUNDS, FilterError } from "./filter.ts";
import { InputError } from "./log_input.ts";
import { parseView, parseViewChange } from "./view_input.ts";

const parse = (value: unknown) => parseView(value, FILTER_BOUNDS);

/** The fields at fault. */
function faults(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.problems.map(({ path }) => path);
    throw error;
  }
  return [];
}

Deno.test("parseView() normalises what it takes", () => {
  assert.deepEqual(parse({ name: " Errors ", query: "?q=x&level=error&log=4&organizationId=2" }), {
    name: "Errors",
    query: "level=error&q=x",
    isDefault: false,
  });
  assert.deepEqual(parseViewChange({ isDefault: true }, FILTER_BOUNDS), { isDefault: true });
  assert.deepEqual(parseViewChange({}, FILTER_BOUNDS), {});
});

Deno.test("parseView() names every field at fault", () => {
  assert.deepEqual(faults(() => parse({})), ["name", "query"]);
  assert.deepEqual(faults(() => parse({ name: "\n", query: "?log=4", isDefault: 1 })), [
    "name",
    "query",
    "isDefault",
  ]);
  assert.deepEqual(
    faults(() => parse({ name: "x", query: `q=${"x".repeat(1000)}&not=${"y".repeat(995)}` })),
    [
      "query",
    ],
  );
  assert.deepEqual(faults(() => parse({ name: "x", query: "q=x", organizationId: 2 })), ["organizationId"]);
  for (const value of [null, [], "x", 1]) assert.deepEqual(faults(() => parse(value)), [""]);
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`field${i}`, 1]));
  assert.ok(faults(() => parse(many)).length < 10);
});

Deno.test("parseView() takes no filter that the stream would refuse", () => {
  for (const query of ["level=loud", "q=/(/", `q=${"x".repeat(1001)}`, "q=/x{1000}x{1000}/"]) {
    assert.throws(() => parse({ name: "x", query }), FilterError, query);
  }
});
