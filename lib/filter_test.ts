import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Filter,
  FILTER_BOUNDS,
  FilterError,
  filterKey,
  filterParams,
  foldCase,
  isFilterParameter,
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
  notService: fc.array(typed, { maxLength: 2 }),
  q: fc.array(typed, { maxLength: 3 }),
  not: fc.array(typed, { maxLength: 4 }),
  fields: fc.array(
    fc.tuple(
      fc.constantFrom("meta.", "not.meta."),
      fc.array(fc.constantFrom("a", "b", "\\\\", "\\.", "\\", "é"), { minLength: 1, maxLength: 3 }).map((
        keys,
      ) => keys.join(".")),
      typed,
    ),
    { maxLength: 3 },
  ),
}).map(({ level, service, notService, q, not, fields }) => {
  const params = new URLSearchParams();
  for (const name of level) params.append("level", name);
  for (const name of service) params.append("service", name);
  for (const name of notService) params.append("not.service", name);
  for (const text of q) params.append("q", text);
  for (const [prefix, path, value] of fields) params.append(prefix + path, value);
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
  assert.deepEqual(parse("q=Time OUT").q, [{ kind: "text", text: "time out" }]);
  assert.deepEqual(parse("q=/a/b/").q, [{ kind: "regexp", source: "a/b", ignoreCase: false }]);
  assert.deepEqual(parse("q=/A%2Bb/i").q, [{ kind: "regexp", source: "A+b", ignoreCase: true }]);
  for (const text of ["//", "/", "/a", "/a/x"]) assert.equal(parsePattern("q", text).kind, "text", text);
});

Deno.test("parseFilter() takes several texts, and levels, services and metadata to leave out", () => {
  assert.deepEqual(parse("q=b&q=A&q=a").q, [{ kind: "text", text: "a" }, { kind: "text", text: "b" }]);
  assert.deepEqual(parse("not.level=debug,trace").levels, ["info", "warn", "error", "fatal"]);
  assert.deepEqual(parse("level=info,warn&not.level=info").levels, ["warn"]);
  assert.deepEqual(parse("not.service=b,a\\,c").notServices, ["a,c", "b"]);
  assert.deepEqual(parse("meta.user.id=42&meta.user.id=7,8&meta.a\\.b=x").fields, [
    { path: ["a.b"], values: ["x"] },
    { path: ["user", "id"], values: ["42", "7", "8"] },
  ]);
  assert.deepEqual(parse("not.meta.region=eu&meta.x=").notFields, [{ path: ["region"], values: ["eu"] }]);
  for (const name of ["level", "not.level", "service", "not.service", "q", "not", "meta.a", "not.meta.a.b"]) {
    assert.ok(isFilterParameter(name), name);
  }
  for (const name of ["limit", "meta", "not.q", "xmeta.a", "fields"]) {
    assert.ok(!isFilterParameter(name), name);
  }
});

Deno.test("parseFilter() takes a text in the language, beside the other parameters", () => {
  const filter = new URLSearchParams({
    filter: 'level:error -x "card declined" meta.user=42',
    service: "api",
  });
  assert.deepEqual(parseFilter(filter), parse("level=error&service=api&not=x&q=card declined&meta.user=42"));
  assert.throws(() => parseFilter(new URLSearchParams({ filter: "a level:loud" })), {
    path: "filter",
    message: /^Unknown level "loud".*: at "level:loud"$/u,
  });
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
    ["not.level=loud", "not.level"],
    ["level=info&not.level=info,warn", "not.level"],
    [`not.level=${LEVELS.join()}`, "not.level"],
    [`${many("not", FILTER_BOUNDS.maxPatterns)}&q=x&q=y`, "not"],
    [many("q", FILTER_BOUNDS.maxPatterns + 2), "q"],
    ["meta.=x", "meta."],
    ["meta.a..b=x", "meta.a..b"],
    ["not.meta.a%00=x", "not.meta.a\0"],
    [`meta.${"a.".repeat(10)}a=x`, `meta.${"a.".repeat(10)}a`],
    [Array.from({ length: 21 }, (_, i) => `meta.x${i}=1`).join("&"), "meta"],
    [many("meta.a", FILTER_BOUNDS.fieldValues + 1), "meta.a"],
    [`meta.a=${"x".repeat(FILTER_BOUNDS.fieldLength + 1)}`, "meta.a"],
    [many("not.service", FILTER_BOUNDS.services + 1), "not.service"],
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
