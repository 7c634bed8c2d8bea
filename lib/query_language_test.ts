import assert from "node:assert/strict";
import fc from "fast-check";
import { filterKey, parseFilter } from "./filter.ts";
import { parseQuery, queryParams, queryText, replaceTerms, withoutTerm } from "./query_language.ts";

const paramsOf = (text: string) =>
  decodeURIComponent(String(queryParams(parseQuery(text).terms)).replaceAll("+", " "));

Deno.test("parseQuery() and queryParams() read every kind of term", () => {
  const cases: [text: string, params: string][] = [
    ["", ""],
    [
      'level:error service:api,auth "card declined" /time(out|d out)/ -healthz meta.user=42',
      "level=error&service=api,auth&q=card declined&q=/time(out|d out)/&not=healthz&meta.user=42",
    ],
    [
      "level:warn+ level>=error -level:DEBUG,trace",
      "level=warn,error,fatal,error,fatal&not.level=trace,debug",
    ],
    ['-service:"my api","a,b" service=x', "not.service=my api,a\\,b&service=x"],
    ["meta.user.id:42,43 -meta.a\\.b=x", "meta.user.id=42,43&not.meta.a\\.b=x"],
    ["/path/to x", "q=/path/to&q=x"],
    ["/a b/i -/c d/", "q=/a b/i&not=/c d/"],
    ['"/var/log/"', "q=/\\/var\\/log\\//i"],
    ['"say \\"hi\\" \\\\"', 'q=say "hi" \\'],
    ["foo:bar a=b --flag - x", "q=foo:bar&q=a=b&not=-flag&q=-&q=x"],
  ];
  for (const [text, params] of cases) {
    assert.deepEqual(parseQuery(text).problems, [], text);
    assert.equal(paramsOf(text), params, text);
  }
});

Deno.test("parseQuery() says what it does not understand, and where", () => {
  const cases: [text: string, from: number, to: number, message: RegExp][] = [
    ["x level:loud y", 2, 12, /Unknown level "loud"/u],
    ["level: x", 0, 6, /Expected a value, such as level:error/u],
    ["-service:,, x", 0, 11, /Expected a value, such as service:api/u],
    ['x "never closed', 2, 15, /closing "/u],
    ['service:"open', 0, 13, /closing "/u],
    ["meta.=1", 0, 7, /Expected a path/u],
    ["meta.a..b=1", 0, 11, /Expected a path/u],
    ["service>=api", 0, 12, /not >=/u],
  ];
  for (const [text, from, to, message] of cases) {
    const { problems } = parseQuery(text);
    assert.equal(problems.length, 1, text);
    assert.deepEqual([problems[0]?.from, problems[0]?.to], [from, to], text);
    assert.match(problems[0]?.message ?? "", message);
  }
});

const value = fc.string({
  unit: fc.constantFrom(
    "a",
    "B",
    " ",
    ",",
    '"',
    "\\",
    "/",
    "-",
    ":",
    "=",
    "+",
    "é",
    "\n",
    "level:",
    "meta.x=",
    ">",
  ),
  minLength: 1,
  maxLength: 8,
});

/** As `q` may hold it. Not a regular expression that ends with a backslash: nobody takes that. */
const pattern = fc.oneof(value, value.map((text) => `/${text}/i`)).filter((text) =>
  !/^\/(?:.*[^\\])?(?:\\\\)*\\\/i?$/su.test(text)
);

Deno.test("queryText() writes what parseQuery() reads as the same filter, whatever it holds", () => {
  const lists = fc.record({
    level: fc.subarray(["info", "warn", "error"]),
    service: fc.array(value, { maxLength: 3 }),
    "not.service": fc.array(value, { maxLength: 2 }),
    "meta.user.id": fc.array(value, { maxLength: 2 }),
    "not.meta.a\\.b": fc.array(value, { maxLength: 2 }),
    q: fc.array(pattern, { maxLength: 3 }),
    not: fc.array(pattern, { maxLength: 2 }),
  });
  fc.assert(fc.property(lists, (lists) => {
    const params = new URLSearchParams();
    for (const [name, values] of Object.entries(lists)) {
      for (const each of values) {
        params.append(name, name === "q" || name === "not" ? each : each.replaceAll(",", "\\,"));
      }
    }
    const text = queryText(params);
    const { terms, problems } = parseQuery(text);
    assert.deepEqual(problems, [], text);
    const again = queryParams(terms);
    assert.equal(queryText(queryParams(parseQuery(queryText(again)).terms)), queryText(again), text);
    const named = (params: URLSearchParams) => {
      const copy = new URLSearchParams(params);
      // What a regular expression means does not change where its slashes are escaped.
      for (const name of ["q", "not"]) {
        const values = copy.getAll(name).map((text) =>
          text.replaceAll(/\\([^])/gu, (pair, next) => next === "/" ? "/" : pair).trim()
        );
        copy.delete(name);
        for (const text of values) if (text !== "") copy.append(name, text);
      }
      return filterKey(parseFilter(copy));
    };
    assert.equal(named(again), named(params), text);
  }));
});

Deno.test("parseQuery() bears whatever is typed, and its terms and problems stand in order, beside each other", () => {
  fc.assert(fc.property(fc.array(value, { maxLength: 6 }).map((parts) => parts.join("")), (text) => {
    const { terms, problems } = parseQuery(text);
    const places = [...terms, ...problems].sort((a, b) => a.from - b.from);
    let last = 0;
    for (const { from, to } of places) {
      assert.ok(from >= last && to > from && to <= text.length, text);
      last = to;
    }
  }));
});

Deno.test("replaceTerms() and withoutTerm() leave the rest as it is written", () => {
  const text = '  level:info  "card  declined" -x level:warn ';
  const [level] = parseQuery(text).terms;
  assert.equal(withoutTerm(text, level!), '"card  declined" -x level:warn');
  assert.equal(
    replaceTerms(text, ({ kind }) => kind === "level", ["level:error"]),
    'level:error "card  declined" -x',
  );
  assert.equal(replaceTerms("level:info", ({ kind }) => kind === "level", []), "");
});
