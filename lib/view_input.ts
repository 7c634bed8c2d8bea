/** What `POST /api/views` and `PUT /api/views/:id` take, checked. Pure. */

import type { FilterLimits } from "./filter.ts";
import { InputError, type InputProblem } from "./log_input.ts";
import { readFilter } from "./match.ts";
import { VIEW_BOUNDS, viewName, viewQuery } from "./saved_view.ts";

/** A view to be saved. */
export interface ViewInput {
  readonly name: string;
  readonly query: string;
  readonly isDefault: boolean;
}

/** What is to become of a view: what is absent stays. */
export type ViewChange = Partial<ViewInput>;

/**
 * Reads a new view.
 *
 * @throws {InputError} naming each field at fault
 * @throws {FilterError} on a query whose filter cannot be understood or is over the limits
 */
export function parseView(value: unknown, limits: FilterLimits): ViewInput {
  const { name, query, isDefault = false } = fieldsOf(value, ["name", "query"], limits);
  if (name === undefined || query === undefined) throw new RangeError("required fields were not looked at");
  return { name, query, isDefault };
}

/**
 * Reads a change of a view.
 *
 * @throws as {@link parseView}
 */
export function parseViewChange(value: unknown, limits: FilterLimits): ViewChange {
  return fieldsOf(value, [], limits);
}

const FIELDS: readonly string[] = ["name", "query", "isDefault"];

function fieldsOf(value: unknown, required: readonly string[], limits: FilterLimits): ViewChange {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad([{ index: 0, path: "", message: "Expected an object" }]);
  }
  const given = value as Record<string, unknown>;
  const problems: InputProblem[] = [];
  const problem = (path: string, message: string) => void problems.push({ index: 0, path, message });
  for (const field of Object.keys(given)) {
    if (!FIELDS.includes(field)) {
      problem(field.slice(0, 100), "Unknown field");
      if (problems.length > FIELDS.length) break;
    }
  }
  for (const field of required) if (!Object.hasOwn(given, field)) problem(field, "Required");
  const change: { name?: string; query?: string; isDefault?: boolean } = {};
  if (Object.hasOwn(given, "name")) {
    const name = typeof given.name === "string" ? viewName(given.name) : null;
    if (name === null) problem("name", `A name is one line of 1 to ${VIEW_BOUNDS.name} characters`);
    else change.name = name;
  }
  if (Object.hasOwn(given, "query")) {
    const params = typeof given.query === "string" ? new URLSearchParams(given.query) : null;
    const query = params === null ? "" : viewQuery(params);
    if (query === "") {
      problem("query", "Expected a query string with a filter, such as level=error&q=timeout");
    } else if (query.length > VIEW_BOUNDS.query) {
      problem(
        "query",
        `The filter has ${query.length} characters as an address, at most ${VIEW_BOUNDS.query}`,
      );
    } else change.query = query;
  }
  if (Object.hasOwn(given, "isDefault")) {
    if (typeof given.isDefault === "boolean") change.isDefault = given.isDefault;
    else problem("isDefault", "Expected true or false");
  }
  if (problems.length > 0) throw bad(problems);
  if (change.query !== undefined) readFilter(new URLSearchParams(change.query), limits);
  return change;
}

function bad(problems: readonly InputProblem[]): InputError {
  return new InputError("Nothing was saved: the view is not as it has to be", problems);
}
