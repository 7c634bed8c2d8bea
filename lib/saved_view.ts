/** Saved views: what they are, and the one way in which their query string is written. Pure, and safe in a browser. */

import { searchText, streamParams } from "./live_tail/view.ts";

/** A filter with a name. An organization shares its views. */
export interface SavedView {
  readonly id: number;
  readonly name: string;
  /** As {@link viewQuery} writes it, never empty. */
  readonly query: string;
  /** Whether the page opens with it where its address names nothing: one of an organization at most. */
  readonly isDefault: boolean;
  /** What whoever saved it is called; null without sign-in. */
  readonly createdBy: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Bounds. Lengths are in characters, of `query` as it is written. */
export const VIEW_BOUNDS = { name: 60, query: 2000, views: 200 } as const;

/**
 * What of a page's query string a view keeps: the filter whole, whatever its parameters are, and the columns. Not the organization,
 * which a view is of, nor the log that is open. Sorted by name and without empty values, so that the same view is the same text.
 */
export function viewQuery(params: URLSearchParams): string {
  const kept = streamParams(params);
  kept.delete("organizationId");
  for (const name of new Set(kept.keys())) {
    const values = kept.getAll(name).filter((value) => value !== "");
    kept.delete(name);
    for (const value of values) kept.append(name, value);
  }
  kept.sort();
  return searchText(kept).replace(/^\?/u, "");
}

/** A name as it is stored, or `null` where it is none: one line of 1 to 60 characters, without white space around it. */
export function viewName(text: string): string | null {
  const name = text.normalize("NFC").trim();
  const length = [...name].length;
  // Control characters and lone surrogates, which PostgreSQL cannot hold either.
  return length >= 1 && length <= VIEW_BOUNDS.name && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name) ? name : null;
}
