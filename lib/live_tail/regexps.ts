/** Regular expressions in the page, as the server understands them (RE2). What reads them is fetched when there is one. */

import type { RE2JS } from "re2js";
import { parsePattern } from "../filter.ts";
import type { QueryProblem, Term } from "../query_language.ts";

let library: typeof import("re2js") | null = null;

/** Compiled, `null` where it cannot be fetched: the server then is the one to say what is wrong. */
async function load(): Promise<typeof import("re2js") | null> {
  return library ??= await import("re2js").catch(() => null);
}

/** The regular expressions among terms that are none, and why. */
export async function badRegexps(terms: readonly Term[]): Promise<readonly QueryProblem[]> {
  const re2 = await load();
  if (!re2) return [];
  return terms.filter(({ kind }) => kind === "regexp").flatMap(({ from, to, values }) => {
    try {
      compile(re2, values[0] ?? "");
      return [];
    } catch (error) {
      return [{ from, to, message: `Not a regular expression: ${reason(error)}` }];
    }
  });
}

/** Compiles regular expressions as `q` holds them; those that are none are left out. */
export async function compileRegexps(texts: readonly string[]): Promise<readonly RE2JS[]> {
  const re2 = await load();
  if (!re2) return [];
  return texts.flatMap((text) => {
    try {
      return compile(re2, text) ?? [];
    } catch {
      return [];
    }
  });
}

function compile({ RE2JS }: typeof import("re2js"), text: string): RE2JS | null {
  const pattern = parsePattern("q", text);
  if (pattern.kind === "text") return null;
  return RE2JS.compile(pattern.source, pattern.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^error parsing regexp: /u, "");
}
