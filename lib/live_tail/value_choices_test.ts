import assert from "node:assert/strict";
import { LEVELS } from "../log.ts";
import { levelChoices, valueChoices, withLevels } from "./value_choices.ts";

const texts = (choices: readonly { label: string; text: string }[]) =>
  Object.fromEntries(choices.map(({ label, text }) => [label, text]));

Deno.test("withLevels() writes levels in one term; all of them are none", () => {
  assert.equal(withLevels("card -level:debug level:info", ["error", "warn"]), "level:warn,error card");
  assert.equal(withLevels("level:error card", LEVELS), "card");
  assert.equal(withLevels("level:error", []), "");
});

Deno.test("levelChoices() shows one alone, with worse ones, or all others", () => {
  assert.deepEqual(texts(levelChoices("x", LEVELS, "error")), {
    "Only error": "level:error x",
    "error and worse": "level:error,fatal x",
    "Without error": "-level:error x",
  });
  assert.equal(
    texts(levelChoices("level:info", ["info"], "error"))["error too"],
    "level:info,error",
  );
});

Deno.test("valueChoices() includes, adds, leaves out and gives up, and keeps the rest of the filter", () => {
  assert.deepEqual(texts(valueChoices("card", "service", "my api")), {
    "Only my api": 'service:"my api" card',
    "Without my api": '-service:"my api" card',
  });
  assert.deepEqual(texts(valueChoices("service:web card", "service", "api")), {
    "Only api": "service:api card",
    "api too": "service:web,api card",
    "Without api": "service:web card",
    "All services": "card",
  });
  assert.deepEqual(texts(valueChoices("service:api card", "service", "api")), {
    "Without api": "-service:api card",
    "All services": "card",
  });
  assert.deepEqual(texts(valueChoices("-meta.user.id=1 card", "meta.user.id", "42")), {
    "Only 42": "meta.user.id=42 card",
    "Without 42": "-meta.user.id=1,42 card",
    "Any value": "card",
  });
});
