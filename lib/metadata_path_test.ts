import assert from "node:assert/strict";
import fc from "fast-check";
import { testServer } from "../tests/postgres.ts";
import { parsePath, PATH_BOUNDS, pathText, readMetadata, textAt } from "./metadata_path.ts";

const server = await testServer();

Deno.test("parsePath() reads keys between dots, and dots within keys after a backslash", () => {
  assert.deepEqual(parsePath("user.id"), ["user", "id"]);
  assert.deepEqual(parsePath("a\\.b.c\\\\.d\\e"), ["a.b", "c\\", "d\\e"]);
  for (
    const bad of ["", ".", "a.", ".a", "a..b", "a\0", "a.".repeat(PATH_BOUNDS.keys) + "a", "x".repeat(201)]
  ) {
    assert.equal(parsePath(bad), null, JSON.stringify(bad));
  }
  const keys = fc.array(
    fc.string({ unit: fc.constantFrom("a", ".", "\\", "é"), minLength: 1, maxLength: 5 }),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  fc.assert(fc.property(keys, (path) => assert.deepEqual(parsePath(pathText(path)), path)));
});

Deno.test("textAt() says what PostgreSQL's #>> does, of everything that has a text", async () => {
  await using db = await server.database();
  const key = fc.constantFrom("a", "b", "0", "1", "-1", "01", "+1", " 1", "1x", "constructor", "é");
  const number = fc.constantFrom(
    "0",
    "-0",
    "1.0",
    "1.50",
    "1e3",
    "1e-7",
    "12345678901234567890",
    "0.1",
    "1e300",
    "-5",
    "7",
  );
  const leaf = fc.oneof(
    number,
    fc.constantFrom("true", "false", "null", "{}", "[]"),
    fc.constantFrom("1.0", "x", "", "true", 'é\n"').map((text) => JSON.stringify(text)),
  );
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie("json"), { maxLength: 3 }).map((items) => `[${items.join()}]`),
      fc.array(fc.tuple(key, tie("json")), { maxLength: 3 }).map((entries) =>
        `{${entries.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join()}}`
      ),
    ),
  }));
  const cases = fc.sample(fc.tuple(json, fc.array(key, { minLength: 1, maxLength: 2 })), 20_000);
  const rows = await db.sql<{ text: string; found: string | null }[]>`
    select metadata::text as text, case when jsonb_typeof(metadata #> path) in ('string', 'number', 'boolean')
      then metadata #>> path end as found
    from json_to_recordset(${JSON.stringify(cases.map(([json, path], n) => ({ n, json, path })))}::text::json)
        as c (n int, json text, path text[])
      cross join lateral (select c.json::jsonb as metadata) as m
    order by n`;
  assert.equal(rows.length, cases.length);
  let found = 0;
  for (const [i, row] of rows.entries()) {
    const path = cases[i]?.[1] ?? [];
    const text = textAt(readMetadata(row.text), path);
    assert.equal(text, row.found ?? undefined, `${row.text} at ${JSON.stringify(path)}`);
    if (text !== undefined) found++;
  }
  assert.ok(found > 100, `${found}`);
});
