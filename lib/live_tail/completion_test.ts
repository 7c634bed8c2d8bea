import assert from "node:assert/strict";
import fc from "fast-check";
import { type KnownValues, suggest } from "./completion.ts";

const known: KnownValues = {
  levels: { info: 9120, error: 12 },
  services: [{ value: "api", count: 5012 }, { value: "my api", count: 3 }, { value: "web", count: 1 }],
  metadata: [{ path: "user.id", count: 812, examples: ["42", "43"] }, {
    path: "region",
    count: 5,
    examples: [],
  }],
};
const ask = (text: string, caret = text.length) => suggest(text, caret, { known, recent: ["level:fatal"] });
const labels = (text: string) => ask(text).map(({ label }) => label);

Deno.test("suggest() begins with recent filters and the keys", () => {
  assert.deepEqual(labels(""), ["level:fatal", "level:", "service:", "meta.", "/", "-"]);
  assert.deepEqual(labels("card "), ["level:", "service:", "meta.", "/", "-"]);
});

Deno.test("suggest() offers values of a key with their counts, and writes them as they must be written", () => {
  assert.deepEqual(labels("level:"), ["fatal", "error", "warn", "info", "debug", "trace"]);
  const [error] = ask("card level:er");
  assert.deepEqual(error, { label: "error", hint: "12", text: "card level:error ", caret: 17 });
  assert.deepEqual(ask("-service:my")[0]?.text, '-service:"my api" ');
  assert.deepEqual(ask("service:api,")[0]?.text, 'service:api,"my api" ');
  assert.deepEqual(labels("service:api,"), ["my api", "web"]);
});

Deno.test("suggest() offers fields of the metadata and their values", () => {
  assert.deepEqual(labels("meta."), ["meta.user.id=", "meta.region="]);
  assert.equal(ask("meta.us")[0]?.text, "meta.user.id=");
  assert.deepEqual(labels("meta.user.id="), ["42", "43"]);
  assert.equal(ask("meta.user.id=42,4")[0]?.text, "meta.user.id=42,43 ");
});

Deno.test("suggest() turns a word into a term, also in the midst of a text", () => {
  assert.deepEqual(labels("ap"), ["service:api", 'service:"my api"']);
  assert.deepEqual(labels("user"), ["meta.user.id="]);
  assert.deepEqual(ask("card er declined", 7)[0], {
    label: "level:error",
    hint: "12",
    text: "card level:error declined",
    caret: 16,
  });
  assert.deepEqual(labels('"not a key '), []);
});

Deno.test("suggest() changes nothing but the word at the caret", () => {
  const piece = fc.constantFrom("a", "level:", "service:", "meta.", '"', " ", "-", ",", "\\", "=", "e");
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(40), (pieces, at) => {
    const text = pieces.join("");
    const caret = Math.min(at, text.length);
    for (const suggestion of suggest(text, caret, { known, recent: [] })) {
      assert.ok(suggestion.caret <= suggestion.text.length);
      const start = text.slice(0, caret).search(/\S*$/u);
      if (!text.includes('"')) assert.ok(suggestion.text.startsWith(text.slice(0, start)));
    }
  }));
});
