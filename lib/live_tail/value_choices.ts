/** What a value of a log can be made of in the filter: shown alone, beside others, or left out. Pure. */

import { type Level, LEVELS } from "../log.ts";
import { parseQuery, replaceTerms, type Term, termText } from "../query_language.ts";

/** Something to choose, and the text of the filter as it is then. */
export interface Choice {
  readonly label: string;
  readonly text: string;
}

/** The text with these levels alone, written the short way: by those that are left out where these are fewer. */
export function withLevels(text: string, levels: readonly Level[]): string {
  const isAll = levels.length === 0 || levels.length === LEVELS.length;
  const wanted = LEVELS.filter((level) => levels.includes(level));
  const unwanted = LEVELS.filter((level) => !levels.includes(level));
  const terms = isAll
    ? []
    : [unwanted.length < wanted.length ? termText("-level", unwanted) : termText("level", wanted)];
  return replaceTerms(text, ({ kind }) => kind === "level", terms);
}

/** The choices for a level, where `passed` are those that the filter lets through. */
export function levelChoices(text: string, passed: readonly Level[], level: Level): readonly Choice[] {
  const worse = LEVELS.slice(LEVELS.indexOf(level));
  const others = passed.filter((other) => other !== level);
  const choices: Choice[] = [{ label: `Only ${level}`, text: withLevels(text, [level]) }];
  if (worse.length > 1 && worse.length < LEVELS.length) {
    choices.push({ label: `${level} and worse`, text: withLevels(text, worse) });
  }
  if (others.length > 0) choices.push({ label: `Without ${level}`, text: withLevels(text, others) });
  if (!passed.includes(level)) {
    choices.push({ label: `${level} too`, text: withLevels(text, [...passed, level]) });
  }
  return choices;
}

/**
 * The choices for a value of a service or of metadata.
 *
 * @param key `service`, or `meta.` and a path
 */
export function valueChoices(text: string, key: string, value: string): readonly Choice[] {
  const isAbout = (term: Term) => (term.kind === "meta" ? `meta.${term.path}` : term.kind) === key;
  const named = (isNegated: boolean) => [
    ...new Set(
      parseQuery(text).terms.filter((term) => isAbout(term) && term.isNegated === isNegated).flatMap((term) =>
        term.values
      ),
    ),
  ];
  const [wanted, unwanted] = [named(false), named(true)];
  const write = (wanted: readonly string[], unwanted: readonly string[]) =>
    replaceTerms(text, isAbout, [
      ...wanted.length > 0 ? [termText(key, wanted)] : [],
      ...unwanted.length > 0 ? [termText(`-${key}`, unwanted)] : [],
    ]);
  const without = (values: readonly string[]) => values.filter((other) => other !== value);

  const choices: Choice[] = [];
  const isOnly = wanted.length === 1 && wanted[0] === value && unwanted.length === 0;
  if (!isOnly) choices.push({ label: `Only ${value}`, text: write([value], []) });
  if (wanted.length > 0 && !wanted.includes(value)) {
    choices.push({ label: `${value} too`, text: write([...wanted, value], without(unwanted)) });
  }
  if (!unwanted.includes(value)) {
    const rest = without(wanted);
    choices.push({
      label: `Without ${value}`,
      // Where others are wanted, not to name it is enough.
      text: rest.length > 0 ? write(rest, unwanted) : write([], [...unwanted, value]),
    });
  }
  if (wanted.length + unwanted.length > 0) {
    choices.push({ label: key === "service" ? "All services" : "Any value", text: write([], []) });
  }
  return choices;
}
