import assert from "node:assert/strict";
import { metadataFields } from "./metadata_fields.ts";

Deno.test("metadataFields() counts scalars by their paths, the most frequent first", () => {
  const objects: unknown[] = [
    { user: { id: 42, name: "Ann" }, ok: true, "a.b": "dots", list: [1], nothing: null, empty: {} },
    { user: { id: 42 }, ok: false, "": "no name" },
    { user: { id: "43" }, long: "é".repeat(60), half: "x".repeat(49) + "\u{1f600}" },
    { user: "text", a: { b: "dots" }, __proto__: { c: 1 }, constructor: 1 },
    [{ no: "object" }],
    "scalar",
    null,
    { deep: { 2: { 3: { 4: { 5: "found", 6: { 7: "too deep" } } } } }, ["n".repeat(201)]: 1 },
  ];
  assert.deepEqual(metadataFields(objects), [
    { path: "user.id", count: 3, examples: ["42", "43"] },
    { path: "a.b", count: 2, examples: ["dots"] },
    { path: "ok", count: 2, examples: ["false", "true"] },
    { path: "", count: 1, examples: ["no name"] },
    { path: "constructor", count: 1, examples: ["1"] },
    { path: "deep.2.3.4.5", count: 1, examples: ["found"] },
    { path: "half", count: 1, examples: ["x".repeat(49)] },
    { path: "long", count: 1, examples: ["é".repeat(50)] },
    { path: "user", count: 1, examples: ["text"] },
    { path: "user.name", count: 1, examples: ["Ann"] },
  ]);
  assert.deepEqual(metadataFields([]), []);
});

Deno.test("metadataFields() has room for 50 fields with five examples each", () => {
  const objects = Array.from(
    { length: 1000 },
    (_, i) => ({ often: i % 7, [`path ${i % 100}`]: `value ${i % 11}` }),
  );
  const found = metadataFields(objects);
  assert.equal(found.length, 50);
  assert.deepEqual(found[0], { path: "often", count: 1000, examples: ["0", "1", "2", "3", "4"] });
  for (const { count, examples } of found.slice(1)) assert.deepEqual([count, examples.length], [10, 5]);
});
