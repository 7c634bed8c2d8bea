/** The filter as it stands in its field, and the one that is in force. Where the text cannot be understood, the last good one goes on. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { parseQuery, type Query, queryParams, type QueryProblem, queryText } from "../query_language.ts";
import { type Mark, marksOf } from "./marks.ts";
import { badRegexps } from "./regexps.ts";
import { columnsOf, filterOf, searchText, withColumns, withFilter } from "./view.ts";

/** How long typing must rest before the filter changes, in milliseconds. */
const DEBOUNCE = 300;

/** A page's address. */
export interface Address {
  /** The query string, with its question mark. */
  readonly read: () => string;
  readonly push: (search: string) => void;
  readonly replace: (search: string) => void;
}

/** What the filter needs of the page. */
export interface FilterPage {
  readonly address: Address;
  /** Runs something later, in milliseconds; the result takes that back. */
  readonly schedule: (run: () => void, milliseconds: number) => () => void;
  /** The address was changed: opens what it asks for. */
  readonly moved: (address: URLSearchParams) => void;
}

/** The filter of the page. */
export interface FilterText {
  /** What stands in the field. */
  readonly text: ReadonlySignal<string>;
  readonly terms: ReadonlySignal<Query["terms"]>;
  /** What of the text cannot be understood, and where. */
  readonly problems: ReadonlySignal<readonly QueryProblem[]>;
  /** The filter in force, as query parameters. */
  readonly params: ReadonlySignal<URLSearchParams>;
  /** Finds in messages what the filter looks for. Another one only where the filter is another. */
  readonly mark: ReadonlySignal<Mark>;
  /** Paths of metadata that are columns. */
  readonly columns: ReadonlySignal<readonly string[]>;
  /** A person types: a burst of keys is one change, and one entry of the history for all that is typed in a row. */
  type(text: string): void;
  /** Changes the filter at once. */
  set(text: string): void;
  /** What is typed counts now. */
  settle(): void;
  setColumns(columns: readonly string[]): void;
}

/** The filter, and what the page alone does with it. */
export interface FilterControl {
  readonly filter: FilterText;
  /** Begins to write to an address. */
  start(page: FilterPage): void;
  /** Takes up an address that was changed by others. */
  read(address: URLSearchParams): void;
  stop(): void;
}

/** Makes the filter of an address. */
export function createFilterText(address: URLSearchParams): FilterControl {
  const params = signal(filterOf(address));
  const text = signal(queryText(params.value));
  const columns = signal(columnsOf(address));
  const query = computed(() => parseQuery(text.value));
  /** Regular expressions that cannot be understood, of one text. */
  const bad = signal<{ readonly text: string; readonly problems: readonly QueryProblem[] } | null>(null);
  const mark: Signal<Mark> = signal(marksOf(params.value).now);

  let page: FilterPage | null = null;
  let debounce: (() => void) | null = null;
  let isTypedOn = false;

  function rest(): void {
    debounce?.();
    debounce = null;
  }

  /** Puts a filter in force, and its marks as soon as they are there. */
  function take(next: URLSearchParams): void {
    if (next.toString() === params.value.toString()) return;
    params.value = next;
    remark();
  }

  function remark(): void {
    const of = params.value;
    const marks = marksOf(of);
    mark.value = marks.now;
    void marks.then?.then((whole) => {
      if (params.value === of) mark.value = whole;
    });
  }

  function go(next: URLSearchParams, isTyped: boolean): void {
    if (!page) return;
    const search = searchText(next);
    if (search !== searchText(new URLSearchParams(page.address.read()))) {
      if (isTyped && isTypedOn) page.address.replace(search);
      else page.address.push(search);
    }
    isTypedOn = isTyped;
    page.moved(next);
  }

  async function apply(isTyped: boolean): Promise<void> {
    rest();
    const { terms, problems } = query.value;
    if (problems.length > 0) return;
    if (terms.some(({ kind }) => kind === "regexp")) {
      const of = text.value;
      const found = await badRegexps(terms);
      if (text.value !== of || !page) return;
      if (found.length > 0) return void (bad.value = { text: of, problems: found });
    }
    bad.value = null;
    const next = queryParams(terms);
    if (!page) return;
    take(next);
    go(withFilter(new URLSearchParams(page.address.read()), next), isTyped);
  }

  return {
    filter: {
      text,
      terms: computed(() => query.value.terms),
      problems: computed(() =>
        bad.value?.text === text.value
          ? [...query.value.problems, ...bad.value.problems]
          : query.value.problems
      ),
      params,
      mark,
      columns,
      type(next) {
        text.value = next;
        rest();
        debounce = page?.schedule(() => void apply(true), DEBOUNCE) ?? null;
      },
      set(next) {
        text.value = next;
        void apply(false);
      },
      settle() {
        if (debounce) void apply(true);
      },
      setColumns(next) {
        columns.value = next;
        if (page) go(withColumns(new URLSearchParams(page.address.read()), next), false);
      },
    },
    start(given) {
      page = given;
      remark();
    },
    read(address) {
      rest();
      isTypedOn = false;
      const next = filterOf(address);
      columns.value = columnsOf(address);
      take(next);
      // What means the same stays as it was typed.
      if (queryParams(query.value.terms).toString() !== next.toString()) text.value = queryText(next);
    },
    stop() {
      rest();
      page = null;
    },
  };
}
