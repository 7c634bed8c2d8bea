import assert from "node:assert/strict";
import fc from "fast-check";
import { type Filter, FilterError, FilterTooLargeError, foldCase, NO_FILTER, parseFilter } from "./filter.ts";
import { LEVELS, type Log } from "./log.ts";
import { compileFilter, foldOnce, looksAtMetadata, looksAtText, matches } from "./match.ts";

const log: Log = {
  id: 1,
  timestamp: "2026-01-31T12:00:00.000Z",
  level: "warn",
  service: "api",
  message: "Connection TIMED OUT after 30s\nat line 2",
};

function isMatch(query: string, changes: Partial<Log> = {}): boolean {
  return matches(compileFilter(parseFilter(new URLSearchParams(query))), { ...log, ...changes });
}

Deno.test("compileFilter() lets everything through when nothing is asked for", () => {
  assert.ok(isMatch(""));
});

Deno.test("compileFilter() takes a log of any of the levels and any of the services", () => {
  assert.ok(isMatch("level=warn,error&service=api,web"));
  assert.ok(!isMatch("level=error"));
  assert.ok(!isMatch("service=web"));
  assert.ok(!isMatch("service=API"), "services are names, not text");
  assert.ok(isMatch("service=a\\,b", { service: "a,b" }));
});

Deno.test("compileFilter() looks for text without regard to case", () => {
  assert.ok(isMatch("q=timed out"));
  assert.ok(isMatch("q=TIMED"));
  assert.ok(!isMatch("q=refused"));
  assert.ok(isMatch("q=ÉTÉ", { message: "un été" }));
  assert.ok(isMatch("q=ΟΔΟΣ", { message: "οδος" }));
  assert.ok(isMatch("q=.*", { message: "literally .* there" }) && !isMatch("q=.*"), "text is no pattern");
});

Deno.test("compileFilter() takes RE2 expressions, with case unless told otherwise", () => {
  assert.ok(isMatch("q=/TIMED.*\\d%2Bs/"));
  assert.ok(!isMatch("q=/timed/"));
  assert.ok(isMatch("q=/timed/i"));
  assert.ok(!isMatch("q=/OUT.*line/"), "a dot is no line break");
  assert.ok(isMatch("q=/(?s)OUT.*line/"));
});

Deno.test("compileFilter() leaves out what holds any of the exclusions", () => {
  assert.ok(!isMatch("not=timed"));
  assert.ok(!isMatch("not=refused&not=/line \\d/"));
  assert.ok(isMatch("not=refused&not=/line \\D/"));
  assert.ok(!isMatch("q=timed&not=30S"));
});

Deno.test("compileFilter() refuses what RE2 does, naming the parameter", () => {
  const bad: [query: string, path: string][] = [
    ["q=/(/", "q"],
    ["not=/(?=a)/", "not"],
    ["q=/(a)\\1/", "q"],
    ["q=/a{1001}/", "q"],
    ["q=/(?:a{1000}){1000}/", "q"],
  ];
  for (const [query, path] of bad) {
    assert.throws(
      () => isMatch(query),
      (error) => error instanceof FilterError && error.path === path,
      query,
    );
  }
});

Deno.test("compileFilter() takes linear time for expressions that explode elsewhere", () => {
  const message = "a".repeat(5000) + "!";
  const started = performance.now();
  assert.ok(!isMatch("q=/^(a%2B)%2B$/", { message }));
  assert.ok(!isMatch("q=/(a|a)*(a|a)*$x/", { message }));
  assert.ok(performance.now() - started < 2000);
});

Deno.test("compileFilter() agrees with the definition of a filter", () => {
  const word = fc.constantFrom("a", "B", "ab", "É", "é", "İ", "\u212a", "k", "ς", "Σ", " ", "\n");
  const text = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(""));
  const pattern = text.map((text) => ({ kind: "text" as const, text: foldCase(text) }));
  const filters: fc.Arbitrary<Filter> = fc.record({
    levels: fc.subarray([...LEVELS]),
    services: fc.subarray(["api", "web", "a,b"]),
    notServices: fc.subarray(["api", "web"]),
    q: fc.array(pattern, { maxLength: 2 }),
    not: fc.array(pattern, { maxLength: 2 }),
    fields: fc.constant([]),
    notFields: fc.constant([]),
  });
  const logs = fc.record({
    level: fc.constantFrom(...LEVELS),
    service: fc.constantFrom("api", "web", "a,b"),
    message: text,
  }).map((changes): Log => ({ ...log, ...changes }));
  fc.assert(fc.property(filters, logs, (filter, log) => {
    const folded = foldCase(log.message);
    const expected = (filter.levels.length === 0 || filter.levels.includes(log.level)) &&
      (filter.services.length === 0 || filter.services.includes(log.service)) &&
      !filter.notServices.includes(log.service) &&
      filter.q.every((pattern) => pattern.kind === "text" && folded.includes(pattern.text)) &&
      filter.not.every((pattern) => pattern.kind !== "text" || !folded.includes(pattern.text));
    assert.equal(matches(compileFilter(filter), log), expected);
  }));
});

Deno.test("looksAtText() tells filters that need the message", () => {
  assert.ok(!looksAtText(NO_FILTER));
  assert.ok(!looksAtText(parseFilter(new URLSearchParams("level=info&service=api"))));
  assert.ok(looksAtText(parseFilter(new URLSearchParams("q=a"))));
  assert.ok(looksAtText(parseFilter(new URLSearchParams("not=a"))));
});

Deno.test("compileFilter() looks at metadata: any value at every path, none where it is left out", () => {
  const metadata = { user: { id: 42, name: "Ann" }, tags: ["a", "b"], ok: true, none: null };
  const cases: [query: string, expected: boolean][] = [
    ["meta.user.id=41,42", true],
    ["meta.user.id=42&meta.user.name=ann", false],
    ["meta.tags.1=b&meta.tags.-2=a", true],
    ["meta.ok=true", true],
    ["meta.none=null", false],
    ["meta.user=42", false],
    ["meta.constructor=x", false],
    ["not.meta.user.id=42", false],
    ["not.meta.user.id=41&not.meta.nothing=x", true],
  ];
  for (const [query, expected] of cases) {
    const filter = parseFilter(new URLSearchParams(query));
    assert.ok(looksAtMetadata(filter) && !looksAtText(filter));
    assert.equal(matches(compileFilter(filter), log, metadata), expected, query);
  }
  assert.ok(!matches(compileFilter(parseFilter(new URLSearchParams("meta.a=1"))), log));
});

Deno.test("foldOnce() folds when first asked and never again", () => {
  let reads = 0;
  const counted: Log = Object.defineProperty({ ...log }, "message", {
    get() {
      reads++;
      return "ABC";
    },
  });
  const folded = foldOnce(counted);
  assert.equal(reads, 0);
  assert.equal(folded(), "abc");
  assert.equal(folded(), "abc");
  assert.equal(reads, 1);
});

Deno.test("compileFilter() bounds what regular expressions compile to, all of a filter together", () => {
  const compile = (query: string) => compileFilter(parseFilter(new URLSearchParams(query)));
  compile("q=/[a-z]{900}/");
  for (
    const query of ["q=/[a-z]{1000}/", "q=/(a[ab]{400}|b[ab]{401}){1,2}/", "q=/[a-z]{600}/&not=/[0-9]{600}/"]
  ) {
    assert.throws(() => compile(query), FilterTooLargeError, query);
  }
  compile("q=/(time|dead)(out|line) after \\d{1,6} ?m?s/&not=/^GET (\\/healthz|\\/readyz)/");
});

Deno.test("compileFilter() looks at all of a long message, but where the regular expression is large", () => {
  const matcher = (q: string) => compileFilter(parseFilter(new URLSearchParams({ q })));
  const log = {
    id: 1,
    timestamp: "",
    level: "info" as const,
    service: "a",
    message: "a".repeat(1e6 - 3) + "END",
  };
  assert.equal(matches(matcher("/E[MN]D$/"), log), true);
  const far = { ...log, message: `${"b".repeat(5e5)}a${"b".repeat(900)}c` };
  assert.equal(matches(matcher("/a[ab]{900}c/"), far), false);
  assert.equal(matches(matcher("/a[ab]{9}[b]+c/"), far), true);
});
