import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Filter,
  FILTER_BOUNDS,
  FilterError,
  filterKey,
  filterParams,
  foldCase,
  NO_FILTER,
  parseFilter,
  parsePattern,
  patternText,
} from "./filter.ts";
import { LEVELS } from "./log.ts";

const parse = (query: string) => parseFilter(new URLSearchParams(query));

/** What a person may type, with much of what could go wrong. */
const typed = fc.array(
  fc.oneof(
    fc.constantFrom(
      ",",
      "\\",
      "\\,",
      "/",
      "/i",
      " ",
      "a",
      "B",
      "İ",
      "ß",
      "ς",
      "Σ",
      "\u212a",
      "&",
      "=",
      "%2C",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

const query = fc.record({
  level: fc.array(fc.constantFrom(...LEVELS, "WARNING", "crit"), { maxLength: 4 }),
  service: fc.array(typed, { maxLength: 4 }),
  q: typed,
  not: fc.array(typed, { maxLength: 4 }),
}).map(({ level, service, q, not }) => {
  const params = new URLSearchParams();
  for (const name of level) params.append("level", name);
  for (const name of service) params.append("service", name);
  params.append("q", q);
  for (const text of not) params.append("not", text);
  return params;
});

Deno.test("parseFilter() lets everything through when nothing is asked for", () => {
  assert.deepEqual(parse(""), NO_FILTER);
  assert.deepEqual(parse("level=&service=,&q=&not=&tail=100"), NO_FILTER);
});

Deno.test("parseFilter() takes repeats and lists between commas, in any order and case", () => {
  const filter = parse("level=ERROR,warning&level=fatal&service=web,%20api&service=api");
  assert.deepEqual(filter, {
    ...NO_FILTER,
    levels: ["warn", "error", "fatal"],
    services: ["api", "web"],
  });
});

Deno.test("parseFilter() takes a comma within a service after a backslash, and a backslash as it is", () => {
  assert.deepEqual(parse("service=a\\,b,c").services, ["a,b", "c"]);
  assert.deepEqual(parse("service=DOMAIN\\host").services, ["DOMAIN\\host"]);
  assert.deepEqual(parse("service=end\\").services, ["end\\"]);
});

Deno.test("parseFilter() takes text without regard to case, and regular expressions between slashes", () => {
  assert.deepEqual(parse("q=Time OUT").q, { kind: "text", text: "time out" });
  assert.deepEqual(parse("q=/a/b/").q, { kind: "regexp", source: "a/b", ignoreCase: false });
  assert.deepEqual(parse("q=/A%2Bb/i").q, { kind: "regexp", source: "A+b", ignoreCase: true });
  for (const text of ["//", "/", "/a", "/a/x"]) assert.equal(parsePattern("q", text).kind, "text", text);
});

Deno.test("parseFilter() gives the same filter for the same exclusions, however they are written", () => {
  assert.deepEqual(parse("not=B&not=a&not=A"), parse("not=a&not=b"));
  assert.equal(filterKey(parse("not=B&not=a&not=A")), filterKey(parse("not=a&not=b")));
});

Deno.test("parseFilter() names the parameter that it cannot take", () => {
  const many = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${name}=x${i}`).join("&");
  const cases: [query: string, path: string][] = [
    ["level=loud", "level"],
    ["q=a&q=b", "q"],
    [`q=${"x".repeat(FILTER_BOUNDS.maxPatternLength + 1)}`, "q"],
    // Longer in lower case: what filterParams() writes has to be readable again.
    [`q=${"Ⱥ".repeat(3)}${"x".repeat(FILTER_BOUNDS.maxPatternLength)}`, "q"],
    [`not=${"x".repeat(FILTER_BOUNDS.maxPatternLength + 1)}`, "not"],
    [many("not", FILTER_BOUNDS.maxPatterns + 1), "not"],
    [many("service", FILTER_BOUNDS.services + 1), "service"],
    [`service=${"x".repeat(FILTER_BOUNDS.serviceLength + 1)}`, "service"],
  ];
  for (const [query, path] of cases) {
    assert.throws(() => parse(query), (error) => error instanceof FilterError && error.path === path, query);
  }
});

Deno.test("parseFilter() does not repeat a long value in its message", () => {
  assert.throws(() => parse(`level=${"x".repeat(5000)}`), (error: Error) => error.message.length < 200);
});

Deno.test("filterParams() writes what parseFilter() reads as the same filter", () => {
  fc.assert(fc.property(query, (params) => {
    const filter = parseFilter(params);
    const written = filterParams(filter);
    assert.deepEqual(parseFilter(written), filter);
    assert.deepEqual(parseFilter(new URLSearchParams(written.toString())), filter);
  }));
});

Deno.test("filterKey() is equal for equal filters alone", () => {
  fc.assert(fc.property(query, query, (one, other) => {
    const [a, b]: [Filter, Filter] = [parseFilter(one), parseFilter(other)];
    let equal = true;
    try {
      assert.deepEqual(a, b);
    } catch {
      equal = false;
    }
    assert.equal(filterKey(a) === filterKey(b), equal);
  }));
});

Deno.test("filterKey() does not depend on order, repeats, or the way of writing lists", () => {
  const services = fc.uniqueArray(fc.constantFrom("api", "web", "a,b", "a\\b", "x\\"), { minLength: 1 });
  fc.assert(fc.property(services, fc.shuffledSubarray([...LEVELS], { minLength: 1 }), (services, levels) => {
    const filter: Filter = {
      ...NO_FILTER,
      services: services.toSorted(),
      levels: LEVELS.filter((level) => levels.includes(level)),
    };
    const params = new URLSearchParams();
    for (const service of services) params.append("service", service.replaceAll(",", "\\,"));
    for (const level of [...levels, ...levels]) params.append("level", level.toUpperCase());
    assert.equal(filterKey(parseFilter(params)), filterKey(filter));
  }));
});

Deno.test("patternText() writes what parsePattern() reads as the same pattern", () => {
  fc.assert(fc.property(typed.filter((text) => text !== ""), (text) => {
    const pattern = parsePattern("q", text);
    assert.deepEqual(parsePattern("q", patternText(pattern)), pattern);
  }));
});

Deno.test("foldCase() is settled after one go, and makes no letter of ASCII of any other", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(foldCase(foldCase(text)), foldCase(text));
  }));
  for (let code = 0x80; code <= 0xffff; code++) {
    const folded = foldCase(String.fromCharCode(code));
    // deno-lint-ignore no-control-regex -- ASCII is meant, all of it
    assert.ok(!/[\x00-\x7f]/u.test(folded), `U+${code.toString(16)}`);
  }
  assert.equal(foldCase("ΟΔΟΣ ΟΔΟΣ."), foldCase("οδοσ οδος."));
});
