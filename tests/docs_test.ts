import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import deno from "../deno.json" with { type: "json" };
import { parseFilter } from "../lib/filter.ts";
import { PROXIES } from "../lib/proxies.ts";
import { SETTINGS } from "../lib/config.ts";

const root = new URL("../", import.meta.url);

/** README and all pages of docs/, by path. */
async function pages(): Promise<Map<string, string>> {
  const pages = new Map([["README.md", await Deno.readTextFile(new URL("README.md", root))]]);
  for await (const { name } of Deno.readDir(new URL("docs/", root))) {
    if (name.endsWith(".md")) {
      pages.set(`docs/${name}`, await Deno.readTextFile(new URL(`docs/${name}`, root)));
    }
  }
  return pages;
}

Deno.test("docs/settings.md lists every setting with its flag, variables and default", async () => {
  const lines = (await pages()).get("docs/settings.md")?.split("\n") ?? [];
  for (const { env, flag, default: fallback, key } of SETTINGS) {
    const line = lines.find((line) => line.startsWith("|") && line.includes(`\`${env[0]}\``)) ?? "";
    for (const name of env) assert.ok(line.includes(`\`${name}\``), `${key}: ${name}`);
    if (flag) assert.ok(line.includes(`\`${flag.split(" ")[0]}\``), `${key}: ${flag}`);
    const firstWord = fallback.split(/[ ,]/u)[0] ?? "";
    assert.ok(line.includes(firstWord), `${key}: ${fallback}`);
  }
});

Deno.test("links between the pages lead somewhere, and the tasks they name exist", async () => {
  for (const [path, text] of await pages()) {
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)\)/gu)) {
      if (target.startsWith("http")) continue;
      const file = fileURLToPath(new URL(target, new URL(path, root)));
      assert.ok(await Deno.stat(file).then(() => true, () => false), `${path}: ${target}`);
    }
    for (const [, task = ""] of text.matchAll(/deno(?:@[\d.]+)? task (\w+)/gu)) {
      assert.ok(Object.hasOwn(deno.tasks, task), `${path}: deno task ${task}`);
    }
  }
});

Deno.test("docs/filters.md shows terms that are understood", async () => {
  const text = (await pages()).get("docs/filters.md") ?? "";
  const terms = [...text.matchAll(/^\| `(.+?)`\s*\|/gmu)].map(([, term = ""]) => term.replaceAll("\\|", "|"));
  const whole = /```text\n(.+)\n```/u.exec(text)?.[1] ?? "";
  assert.ok(terms.length > 5);
  for (const filter of [whole, ...terms]) {
    assert.notDeepEqual(
      parseFilter(new URLSearchParams({ filter })),
      parseFilter(new URLSearchParams()),
      filter,
    );
  }
});

Deno.test("docs/proxies.md says of every proxy what the product's own page says", async () => {
  const text = ((await pages()).get("docs/proxies.md") ?? "").replace(/\s+/gu, " ");
  for (const { name, config, about } of PROXIES) {
    for (const part of [name, config, about]) assert.ok(text.includes(part.replace(/\s+/gu, " ")), part);
  }
});
