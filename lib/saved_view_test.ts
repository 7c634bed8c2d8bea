import assert from "node:assert/strict";
import fc from "fast-check";
import { viewName, viewQuery } from "./saved_view.ts";

const queryOf = (search: string) => viewQuery(new URLSearchParams(search));

Deno.test("viewQuery() keeps the filter and the columns, and nothing else of the page", () => {
  assert.equal(
    queryOf("?q=x&log=5&organizationId=2&tail=3&level=warn,error&fields=user&columns=x&token=tp_x"),
    "fields=user&level=warn,error&q=x",
  );
  assert.equal(queryOf("?log=5&organizationId=2"), "");
  assert.equal(queryOf("?q=&level=&not="), "");
});

Deno.test("viewQuery() writes the same view as the same text, and keeps the order of values", () => {
  assert.equal(queryOf("not=b&q=%2fx%2f&not=a"), queryOf("?q=/x/&not=b&not=a"));
  assert.notEqual(queryOf("not=a&not=b"), queryOf("not=b&not=a"));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom("q", "not", "level", "x"), fc.string())), (pairs) => {
      const once = viewQuery(new URLSearchParams(pairs));
      assert.equal(queryOf(once), once);
    }),
  );
});

Deno.test("viewName() takes one line of 1 to 60 characters", () => {
  assert.equal(viewName("  Payments, errors  "), "Payments, errors");
  assert.equal(viewName("e\u0301"), "\u00e9");
  assert.equal(viewName("💥".repeat(60)), "💥".repeat(60));
  for (const text of ["", "  ", "x".repeat(61), "a\nb", "a\0b", "a\u2028b", "\ud800"]) {
    assert.equal(viewName(text), null, JSON.stringify(text));
  }
});
