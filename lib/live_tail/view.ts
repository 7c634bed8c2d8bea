/** The filter controls and the URL that reproduces them. The page keeps what a person typed, as it was typed. Pure. */

import { FilterError, isFilterParameter, parseFilter } from "../filter.ts";
import { type Level, LEVELS, parseLevel } from "../log.ts";

/** What stands in the filter controls. */
export interface View {
  /** The pressed levels, in the order of {@link LEVELS}; none pressed lets all through. */
  readonly levels: readonly Level[];
  /** Names between commas. */
  readonly service: string;
  /** What to look for. */
  readonly q: string;
  /** What to leave out; the last one stands in the field, the others in front of it. */
  readonly not: readonly string[];
  /** What of the filter has no control: names and values of parameters, as they stand in the address. */
  readonly more: readonly (readonly [name: string, value: string])[];
}

/** A filter that cannot be understood: the control at fault, where it is known, and why. */
export interface Problem {
  readonly path: string | null;
  readonly message: string;
}

/** Controls without a filter. */
export const EMPTY_VIEW: View = { levels: [], service: "", q: "", not: [], more: [] };

const FILTER_PARAMETERS = ["level", "service", "q", "not"] as const;

/** Reads the controls from a query string. Forgiving: see {@link viewProblem} for what is wrong with it. */
export function readView(params: URLSearchParams): View {
  const named = params.getAll("level").flatMap((list) => list.split(",")).map(parseLevel);
  return {
    levels: LEVELS.filter((level) => named.includes(level)),
    service: params.getAll("service").join(","),
    q: params.get("q") ?? "",
    not: params.getAll("not").filter((text) => text !== ""),
    more: moreOf(params),
  };
}

/** The parameters of a filter that no control shows: those of other names, and each `q` but the first. */
function moreOf(params: URLSearchParams): View["more"] {
  let texts = 0;
  return [...params].filter(([name, value]) =>
    isFilterParameter(name) && value !== "" &&
    (name === "q" ? texts++ > 0 : !(FILTER_PARAMETERS as readonly string[]).includes(name))
  );
}

/** Writes the controls into a query string, where other parameters stay. */
export function writeView(view: View, other: URLSearchParams = new URLSearchParams()): URLSearchParams {
  const params = new URLSearchParams(other);
  for (const name of new Set(params.keys())) if (isFilterParameter(name)) params.delete(name);
  if (view.levels.length > 0) params.set("level", view.levels.join(","));
  if (view.service.trim() !== "") params.set("service", view.service);
  if (view.q !== "") params.set("q", view.q);
  for (const text of view.not) if (text !== "") params.append("not", text);
  for (const [name, value] of view.more) params.append(name, value);
  return params;
}

/** What is wrong with the filter of a query string, if anything. */
export function viewProblem(params: URLSearchParams): Problem | null {
  try {
    parseFilter(params);
    return null;
  } catch (error) {
    if (error instanceof FilterError) return { path: error.path, message: error.message };
    throw error;
  }
}

/** The filter and the organization of a query string, as the stream takes them; parameters of the page alone stay behind. */
export function streamParams(params: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams();
  for (const [name, value] of params) if (isFilterParameter(name)) passed.append(name, value);
  for (const value of params.getAll("organizationId")) passed.append("organizationId", value);
  return passed;
}

/** Whether any control filters. */
export function isFiltered(view: View): boolean {
  return activeFilters(view) > 0;
}

/** How many of the controls filter. */
export function activeFilters(view: View): number {
  return Number(view.levels.length > 0) + Number(view.service.trim() !== "") + Number(view.q !== "") +
    Number(view.not.some((text) => text !== "")) + Number(view.more.length > 0);
}

/** The view with a level pressed or released. All six pressed let through what none does. */
export function toggleLevel(view: View, level: Level): View {
  const pressed = view.levels.includes(level);
  const levels = LEVELS.filter((other) => other === level ? !pressed : view.levels.includes(other));
  return { ...view, levels: levels.length === LEVELS.length ? [] : levels };
}

/** The service names in a field, without repeats; `\,` is a comma within a name. */
export function serviceNames(field: string): readonly string[] {
  const names = field.split(/(?<!\\),/u).map((name) => name.replaceAll("\\,", ",").trim());
  return [...new Set(names.filter((name) => name !== ""))];
}

/** The field with a service added, or taken out where it was there. */
export function toggleService(field: string, service: string): string {
  const names = serviceNames(field);
  const next = names.includes(service) ? names.filter((name) => name !== service) : [...names, service];
  return next.map((name) => name.replaceAll(",", "\\,")).join(",");
}

/** A query string for the address bar: with its question mark, commas left readable, empty where there is nothing. */
export function searchText(params: URLSearchParams): string {
  const text = params.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return text === "" ? "" : `?${text}`;
}
