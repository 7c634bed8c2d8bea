/** What is marked in messages: the texts and regular expressions that the filter looks for. */

import type { RE2JS } from "re2js";
import { foldCase, parsePattern } from "../filter.ts";
import { parseQuery, queryParams } from "../query_language.ts";
import { compileRegexps } from "./regexps.ts";

/** A place in a text: `from` up to, not including, `to`, in UTF-16 units. */
export type Place = readonly [from: number, to: number];

/** Finds what to mark in a text: places in order, none over another. */
export type Mark = (text: string) => readonly Place[];

/** Marks nothing. */
export const NO_MARK: Mark = () => [];

/** The most places that are marked in one message. */
const MOST_PLACES = 20;

/** How much of a text regular expressions look at, in characters: they take about 0.1 us for each. */
const MOST_LOOKED_AT = 500;

/** The marks of a filter: of its texts at once, of its regular expressions too when they are there. */
export function marksOf(
  filter: URLSearchParams,
): { readonly now: Mark; readonly then: Promise<Mark> | null } {
  const written = [
    ...filter.getAll("q"),
    ...filter.getAll("filter").flatMap((text) => queryParams(parseQuery(text).terms).getAll("q")),
  ].filter((text) => text !== "");
  const [texts, regexps]: [string[], string[]] = [[], []];
  for (const text of written) {
    const pattern = readPattern(text);
    if (pattern?.kind === "text") texts.push(pattern.text);
    else if (pattern) regexps.push(text);
  }
  return {
    now: texts.length === 0 ? NO_MARK : (text) => places(text, texts, []),
    then: regexps.length === 0
      ? null
      : compileRegexps(regexps).then((compiled) => (text) => places(text, texts, compiled)),
  };
}

function readPattern(text: string) {
  try {
    return parsePattern("q", text);
  } catch {
    return null;
  }
}

function places(text: string, needles: readonly string[], regexps: readonly RE2JS[]): readonly Place[] {
  const found = [
    ...needles.flatMap((needle) => placesOf(text, needle)),
    ...regexps.flatMap((regexp) => matchesOf(text.slice(0, MOST_LOOKED_AT), regexp)),
  ].sort(([a], [b]) => a - b);
  const joined: [number, number][] = [];
  for (const [from, to] of found) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (joined.length < MOST_PLACES) joined.push([from, to]);
  }
  return joined;
}

/** Where a text stands that is as {@link foldCase} writes it. */
function placesOf(text: string, needle: string): readonly Place[] {
  const folded = foldCase(text);
  // Where lower case has another length than the text, places in one are not places in the other.
  if (folded.length !== text.length) return [];
  const found: Place[] = [];
  for (
    let at = folded.indexOf(needle);
    at >= 0 && found.length < MOST_PLACES;
    at = folded.indexOf(needle, at + needle.length)
  ) found.push([at, at + needle.length]);
  return found;
}

function matchesOf(text: string, regexp: RE2JS): readonly Place[] {
  const matcher = regexp.matcher(text);
  const found: Place[] = [];
  while (found.length < MOST_PLACES && matcher.find()) {
    if (matcher.end() > matcher.start()) found.push([matcher.start(), matcher.end()]);
  }
  return found;
}
