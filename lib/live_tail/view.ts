/** What the page's address says of the filter and the columns. Pure. */

import { readColumns } from "../field_columns.ts";
import { FilterError, isFilterParameter, parseFilter } from "../filter.ts";
import { type Level, LEVELS } from "../log.ts";
import { pathText } from "../metadata_path.ts";
import type { Place } from "./jump.ts";

/** A filter that cannot be understood: the parameter at fault, where it is known, and why. */
export interface Problem {
  readonly path: string | null;
  readonly message: string;
}

/** The parameters of a filter, without all others. */
export function filterOf(params: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...params].filter(([name, value]) => isFilterParameter(name) && value !== ""));
}

/** The parameters of an address with another filter; what is no filter stays. */
export function withFilter(address: URLSearchParams, filter: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams([...address].filter(([name]) => !isFilterParameter(name)));
  for (const [name, value] of filter) params.append(name, value);
  return params;
}

/** The levels that a filter lets through; all of them where it names none, none where it cannot be understood. */
export function levelsOf(filter: URLSearchParams): readonly Level[] {
  try {
    const { levels } = parseFilter(filter);
    return levels.length === 0 ? LEVELS : levels;
  } catch {
    return [];
  }
}

/** The fields of metadata that are columns, as they are written; none where they cannot be understood. */
export function columnsOf(address: URLSearchParams): readonly string[] {
  try {
    return readColumns(address).map(pathText);
  } catch {
    return [];
  }
}

/** The parameters of an address with other columns. */
export function withColumns(address: URLSearchParams, columns: readonly string[]): URLSearchParams {
  const params = new URLSearchParams(address);
  params.delete("fields");
  if (columns.length > 0) params.set("fields", columns.join(","));
  return params;
}

/** Where an address says to look: at a time, or around the log that it opens (`at=log`). */
export function placeOf(address: URLSearchParams): Place | null {
  const at = address.get("at") ?? "";
  const id = Number(address.get("log"));
  if (at === "log") return Number.isSafeInteger(id) && id > 0 ? { kind: "log", id } : null;
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/u.test(at) ? Date.parse(at) : NaN;
  return Number.isNaN(time) ? null : { kind: "time", time: at };
}

/** The parameters of an address that look elsewhere, or nowhere else. */
export function withPlace(address: URLSearchParams, place: Place | null): URLSearchParams {
  const params = new URLSearchParams(address);
  params.delete("at");
  if (place?.kind === "time") params.set("at", place.time);
  if (place?.kind === "log") {
    params.set("log", String(place.id));
    params.set("at", "log");
  }
  return params;
}

/** Whether an address says itself what to show. An empty filter says it, too: all logs. */
export function namesView(params: URLSearchParams): boolean {
  return [...params.keys()].some((name) => isFilterParameter(name) || ["at", "fields", "log"].includes(name));
}

/** What is wrong with the filter or the columns of an address, if anything. */
export function viewProblem(params: URLSearchParams): Problem | null {
  try {
    parseFilter(params);
    readColumns(params);
    return null;
  } catch (error) {
    if (error instanceof FilterError) return { path: error.path, message: error.message };
    throw error;
  }
}

/** What the stream takes of an address: the filter, the columns and the organization. Parameters of the page alone stay behind. */
export function streamParams(params: URLSearchParams): URLSearchParams {
  const passed = filterOf(params);
  for (const name of ["fields", "organizationId"]) {
    for (const value of params.getAll(name)) passed.append(name, value);
  }
  return passed;
}

/** A query string for the address bar: with its question mark, commas left readable, empty where there is nothing. */
export function searchText(params: URLSearchParams): string {
  const text = params.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text === "" ? "" : `?${text}`;
}
