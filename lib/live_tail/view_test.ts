import assert from "node:assert/strict";
import { LEVELS } from "../log.ts";
import {
  columnsOf,
  filterOf,
  levelsOf,
  searchText,
  streamParams,
  viewProblem,
  withColumns,
  withFilter,
} from "./view.ts";

const parse = (text: string) => new URLSearchParams(text);

Deno.test("withFilter() puts a filter in the place of another, and leaves all else alone", () => {
  const address = parse("organizationId=7&q=old&not.level=info&meta.a=1&log=5&filter=x");
  assert.equal(
    searchText(withFilter(address, parse("q=new&level=info,warn"))),
    "?organizationId=7&log=5&q=new&level=info,warn",
  );
  assert.equal(filterOf(address).toString(), "q=old&not.level=info&meta.a=1&filter=x");
});

Deno.test("viewProblem() names the parameter at fault", () => {
  assert.equal(viewProblem(parse("level=info&q=x&fields=a,b.c")), null);
  assert.equal(viewProblem(parse("level=loud"))?.path, "level");
  assert.equal(viewProblem(parse(`q=${"x".repeat(2000)}`))?.path, "q");
  assert.equal(viewProblem(parse("fields=a..b"))?.path, "fields");
});

Deno.test("streamParams() passes the filter, the columns and the organization, as they stand in the address", () => {
  assert.equal(
    streamParams(parse("level=info&log=9&organizationId=3&x=y&fields=a")).toString(),
    "level=info&fields=a&organizationId=3",
  );
  assert.equal(streamParams(parse("level=loud")).toString(), "level=loud");
});

Deno.test("levelsOf() tells what a filter lets through", () => {
  assert.deepEqual(levelsOf(parse("q=x")), LEVELS);
  assert.deepEqual(levelsOf(parse("level=error,warn&not.level=warn")), ["error"]);
  assert.deepEqual(levelsOf(parse("level=loud")), []);
});

Deno.test("columnsOf() reads what withColumns() writes", () => {
  const address = parse("q=x&fields=old");
  assert.deepEqual(columnsOf(withColumns(address, ["user.id", "region"])), ["user.id", "region"]);
  assert.equal(withColumns(address, []).toString(), "q=x");
  assert.deepEqual(columnsOf(parse("fields=a..b")), []);
});
