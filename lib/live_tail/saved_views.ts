/** The organization's saved views on the page: fetched when somebody looks for them, and changed. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type SavedView, viewQuery } from "../saved_view.ts";
import { readProblem } from "./answer.ts";
import { parse } from "./events.ts";

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 10_000;

/** The saved views, as far as they are known. */
export interface SavedViews {
  /** By name; `null` before the first answer. */
  readonly views: ReadonlySignal<readonly SavedView[] | null>;
  /** What could not be done, and why. */
  readonly problem: ReadonlySignal<string | null>;
  /** Whether an answer is waited for. */
  readonly isAsking: ReadonlySignal<boolean>;
  /** The view that was deleted last, as long as it can be brought back. */
  readonly deleted: ReadonlySignal<SavedView | null>;
  /** Whether a page of this organization whose address names nothing opens with a view. */
  readonly hasDefault: Signal<boolean>;
  /** Asks again what there is. */
  load(): Promise<void>;
  /** Saves a filter under a name; a view that has the name already is replaced. Resolves to whether it was done. */
  save(name: string, query: string): Promise<boolean>;
  rename(view: SavedView, name: string): Promise<boolean>;
  /** Makes a view the one that the page opens with, or lets it open with all logs again. */
  setDefault(view: SavedView, isDefault: boolean): Promise<boolean>;
  remove(view: SavedView): Promise<boolean>;
  /** Brings back what was deleted last. */
  restore(): Promise<boolean>;
}

/**
 * Nothing is asked for yet.
 *
 * @param address the query string of the page, for its organization
 * @param isDefaultThere whether one of them is the default, as far as the server knew when it rendered the page
 */
export function createSavedViews(address: () => string, isDefaultThere = false): SavedViews {
  const views = signal<readonly SavedView[] | null>(null);
  const problem = signal<string | null>(null);
  const asking = signal(0);
  const deleted = signal<SavedView | null>(null);
  const hasDefault = signal(isDefaultThere);

  async function ask(method: string, path = "", body?: Partial<SavedView>): Promise<unknown> {
    const organizationId = new URLSearchParams(address()).get("organizationId");
    const query = organizationId === null ? "" : `?${new URLSearchParams({ organizationId })}`;
    const response = await fetch(`/api/views${path}${query}`, {
      method,
      signal: AbortSignal.timeout(PATIENCE),
      ...body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {},
    }).catch(() => null);
    if (!response) throw new Error("The server cannot be reached");
    const text = await response.text();
    if (response.ok) return parse(text);
    throw new Error(readProblem(text)?.message ?? `The server answered ${response.status}`);
  }

  async function load(): Promise<void> {
    await tried(async () => {
      const found = (await ask("GET") as { views?: unknown } | null)?.views;
      if (!Array.isArray(found)) throw new Error("The server's answer is no list of views");
      views.value = found as SavedView[];
      hasDefault.value = views.value.some(({ isDefault }) => isDefault);
    });
  }

  async function tried(run: () => Promise<unknown>): Promise<boolean> {
    asking.value++;
    try {
      await run();
      problem.value = null;
      return true;
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
      return false;
    } finally {
      asking.value--;
    }
  }

  /** Changes something, and shows what there is then: others change it, too. */
  async function change(run: () => Promise<unknown>): Promise<boolean> {
    const isDone = await tried(run);
    if (isDone) await load();
    return isDone;
  }

  return {
    views,
    problem,
    isAsking: computed(() => asking.value > 0),
    deleted,
    hasDefault,
    load,
    save: (name, query) =>
      change(async () => {
        const there = viewOfName(views.peek() ?? [], name);
        await (there ? ask("PUT", `/${there.id}`, { query }) : ask("POST", "", { name, query }));
        deleted.value = null;
      }),
    rename: (view, name) => change(() => ask("PUT", `/${view.id}`, { name })),
    setDefault: (view, isDefault) => change(() => ask("PUT", `/${view.id}`, { isDefault })),
    remove: (view) =>
      change(async () => {
        await ask("DELETE", `/${view.id}`);
        deleted.value = view;
      }),
    restore: () =>
      change(async () => {
        const view = deleted.peek();
        if (view === null) return;
        const { name, query, isDefault } = view;
        await ask("POST", "", { name, query, isDefault });
        deleted.value = null;
      }),
  };
}

/** The view of a name, as names are compared: without white space around them. */
export function viewOfName(views: readonly SavedView[], name: string): SavedView | undefined {
  const wanted = name.normalize("NFC").trim();
  return views.find((view) => view.name === wanted);
}

/** The view that an address shows. */
export function viewShown(views: readonly SavedView[], address: string): SavedView | undefined {
  const query = viewQuery(new URLSearchParams(address));
  return query === "" ? undefined : views.find((view) => view.query === query);
}

/** The address that shows a view: of the organization of another address, and without the log or time that it looks at. */
export function viewAddress(view: SavedView, address: string): URLSearchParams {
  const params = new URLSearchParams(view.query);
  const organizationId = new URLSearchParams(address).get("organizationId");
  if (organizationId !== null) params.set("organizationId", organizationId);
  return params;
}
