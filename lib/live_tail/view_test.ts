import assert from "node:assert/strict";
import fc from "fast-check";
import { LEVELS } from "../log.ts";
import { parseFilter } from "../filter.ts";
import {
  activeFilters,
  EMPTY_VIEW,
  readView,
  searchText,
  serviceNames,
  streamParams,
  toggleLevel,
  toggleService,
  type View,
  viewProblem,
  writeView,
} from "./view.ts";

const parse = (text: string) => new URLSearchParams(text);

Deno.test("writeView() writes what readView() reads back", () => {
  const view = fc.record({
    levels: fc.subarray([...LEVELS]),
    service: fc.string().filter((text) => text === "" || text.trim() !== ""),
    q: fc.string(),
    not: fc.array(fc.string({ minLength: 1 })),
    more: fc.constant([]),
  }, { noNullPrototype: true });
  fc.assert(fc.property(view, (view: View) => {
    assert.deepEqual(readView(parse(searchText(writeView(view)))), view);
  }));
});

Deno.test("writeView() leaves other parameters alone", () => {
  const params = writeView({ ...EMPTY_VIEW, q: "new" }, parse("organizationId=7&q=old&level=info&log=5"));
  assert.equal(searchText(params), "?organizationId=7&log=5&q=new");
});

Deno.test("readView() understands lists, repeats and aliases, and passes over unknown levels", () => {
  assert.deepEqual(readView(parse("level=WARNING,error&level=bogus&service=a&service=b,c&not=x&not=y")), {
    levels: ["warn", "error"],
    service: "a,b,c",
    q: "",
    not: ["x", "y"],
    more: [],
  });
});

Deno.test("viewProblem() names the field at fault", () => {
  assert.equal(viewProblem(parse("level=info&q=x")), null);
  assert.equal(viewProblem(parse("level=loud"))?.path, "level");
  assert.equal(viewProblem(parse(`q=${"x".repeat(2000)}`))?.path, "q");
});

Deno.test("streamParams() passes the filter and the organization, as they stand in the address", () => {
  assert.equal(
    streamParams(parse("level=info&log=9&organizationId=3&x=y")).toString(),
    "level=info&organizationId=3",
  );
  assert.equal(streamParams(parse("level=loud")).toString(), "level=loud");
});

Deno.test("toggleLevel() presses and releases; all six are the same as none", () => {
  assert.deepEqual(toggleLevel(EMPTY_VIEW, "error").levels, ["error"]);
  assert.deepEqual(toggleLevel({ ...EMPTY_VIEW, levels: ["info", "error"] }, "info").levels, ["error"]);
  assert.deepEqual(toggleLevel({ ...EMPTY_VIEW, levels: LEVELS.slice(1) }, "trace").levels, []);
});

Deno.test("toggleService() adds and takes out; the filter means the same names", () => {
  assert.equal(toggleService("api", "worker"), "api,worker");
  assert.equal(toggleService("api, worker", "api"), "worker");
  fc.assert(fc.property(fc.string({ minLength: 1 }), (text) => {
    const name = text.trim();
    fc.pre(name !== "" && !name.includes("\\"));
    const field = toggleService("", name);
    assert.deepEqual(serviceNames(field), [name]);
    assert.deepEqual(parseFilter(writeView({ ...EMPTY_VIEW, service: field })).services, [name]);
    assert.equal(toggleService(field, name), "");
  }));
});

Deno.test("activeFilters() counts controls", () => {
  assert.equal(activeFilters(EMPTY_VIEW), 0);
  assert.equal(activeFilters({ levels: ["info"], service: " ", q: "x", not: ["", "y"], more: [] }), 3);
});

Deno.test("readView() and writeView() keep what has no control, and clearing takes it away", () => {
  const params = new URLSearchParams(
    "q=a&q=b&meta.user=42&not.service=web&level=info&organizationId=2&filter=x",
  );
  const view = readView(params);
  assert.equal(view.q, "a");
  assert.deepEqual(view.more, [["q", "b"], ["meta.user", "42"], ["not.service", "web"], ["filter", "x"]]);
  assert.equal(activeFilters(view), 3);
  assert.equal(
    writeView({ ...view, q: "c" }, params).toString(),
    "organizationId=2&level=info&q=c&q=b&meta.user=42&not.service=web&filter=x",
  );
  assert.equal(writeView(EMPTY_VIEW, params).toString(), "organizationId=2");
  assert.equal(streamParams(params).get("meta.user"), "42");
});
