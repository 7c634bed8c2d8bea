import { useRef, useState } from "preact/hooks";
import { visibleText } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { type SavedViews, viewAddress, viewOfName, viewShown } from "../lib/live_tail/saved_views.ts";
import { pageAddress } from "../lib/live_tail/use_stream.ts";
import { searchText } from "../lib/live_tail/view.ts";
import { queryText } from "../lib/query_language.ts";
import { type SavedView, VIEW_BOUNDS, viewName, viewQuery } from "../lib/saved_view.ts";
import { ClearIcon, EditIcon, SavedIcon, StarIcon } from "./icons.tsx";
import { Popover } from "./Popover.tsx";

/** The organization's saved views: filters by name. */
export function ViewsMenu({ tail, saved }: { tail: LiveTail; saved: SavedViews }) {
  // What the address shows changes with the filter and its columns.
  void [tail.filter.params.value, tail.filter.columns.value];
  const views = saved.views.value;
  const shown = views === null ? undefined : viewShown(views, pageAddress.read());
  // A filter that was changed after a view was opened is likely to replace it.
  const last = useRef("");
  if (shown) last.current = shown.name;
  return (
    <Popover
      id="saved-views"
      label={shown ? `Saved views: ${visibleText(shown.name)}` : "Saved views"}
      title={shown ? `Saved views: this is ${shown.name}` : "Saved views"}
      about="Saved views"
      class={shown ? "views-button button-on" : "views-button"}
      button={
        <>
          <SavedIcon />
          <span>{shown ? visibleText(shown.name) : "Saved"}</span>
        </>
      }
      onOpen={() => void saved.load()}
    >
      {(close) => <Views tail={tail} saved={saved} name={shown ? "" : last.current} close={close} />}
    </Popover>
  );
}

function Views(
  { tail, saved, name, close }: { tail: LiveTail; saved: SavedViews; name: string; close: () => void },
) {
  const views = saved.views.value;
  const deleted = saved.deleted.value;
  const shown = viewShown(views ?? [], pageAddress.read());
  const open = (view: SavedView) => {
    pageAddress.push(searchText(viewAddress(view, pageAddress.read())));
    tail.moved();
    close();
  };
  return (
    <>
      {views === null
        ? saved.isAsking.value && <p role="status">Asking the server</p>
        : views.length === 0
        ? (
          <p class="view-hint">
            None yet. Filter, and save the filter under a name: everybody in the organization finds it here.
          </p>
        )
        : (
          <ul class="views" aria-label="Views">
            {views.map((view) => (
              <Row
                key={view.id}
                view={view}
                saved={saved}
                isShown={view === shown}
                open={() => open(view)}
              />
            ))}
          </ul>
        )}
      {deleted !== null && (
        <p role="status" class="views-deleted">
          {visibleText(deleted.name)} was deleted
          <button type="button" class="link" onClick={() => void saved.restore()}>Undo</button>
        </p>
      )}
      {saved.problem.value !== null && <p class="problem" role="alert">{saved.problem.value}</p>}
      <Save tail={tail} saved={saved} first={name} />
    </>
  );
}

function Row(
  { view, saved, isShown, open }: { view: SavedView; saved: SavedViews; isShown: boolean; open: () => void },
) {
  const [isEdited, setEdited] = useState(false);
  const name = visibleText(view.name);
  const edit = useRef<HTMLButtonElement>(null);
  const leave = () => {
    setEdited(false);
    edit.current?.focus();
  };
  return (
    <li class={isShown ? "views-row views-shown" : "views-row"}>
      {isEdited
        ? (
          <input
            type="text"
            class="text-input"
            aria-label={`New name of ${name}`}
            defaultValue={view.name}
            maxLength={VIEW_BOUNDS.name}
            ref={(input) => input?.focus()}
            onKeyDown={(event) => {
              if (event.key !== "Enter" && event.key !== "Escape") return;
              // The menu stays open.
              event.preventDefault();
              const next = viewName(event.currentTarget.value);
              if (event.key === "Enter" && next !== null && next !== view.name) void saved.rename(view, next);
              leave();
            }}
            onBlur={() => setEdited(false)}
          />
        )
        : (
          <button
            type="button"
            class="views-open"
            aria-current={isShown}
            title={`${name}: ${filterText(view)}`}
            onClick={open}
          >
            <span class="views-name">{name}</span>
            <code>{filterText(view)}</code>
          </button>
        )}
      <button
        type="button"
        class={view.isDefault ? "button button-icon button-on" : "button button-icon"}
        aria-pressed={view.isDefault}
        aria-label={`Open the page with ${name}`}
        title={view.isDefault ? "The page opens with this view" : "Let the page open with this view"}
        onClick={() => void saved.setDefault(view, !view.isDefault)}
      >
        <StarIcon isFull={view.isDefault} />
      </button>
      <button
        ref={edit}
        type="button"
        class="button button-icon"
        aria-label={`Rename ${name}`}
        title="Rename"
        onClick={() => setEdited(true)}
      >
        <EditIcon />
      </button>
      <button
        type="button"
        class="button button-icon"
        aria-label={`Delete ${name}`}
        title="Delete"
        onClick={() => void saved.remove(view)}
      >
        <ClearIcon />
      </button>
    </li>
  );
}

/** Keeps the filter that is in force. */
function Save({ tail, saved, first }: { tail: LiveTail; saved: SavedViews; first: string }) {
  const [given, setName] = useState(first);
  void [tail.filter.params.value, tail.filter.columns.value];
  const query = viewQuery(new URLSearchParams(pageAddress.read()));
  if (query === "") return <p class="view-hint">Without a filter there is nothing to save.</p>;
  const name = viewName(given);
  const there = viewOfName(saved.views.value ?? [], given);
  return (
    <form
      class="views-save"
      onSubmit={async (event) => {
        event.preventDefault();
        if (name !== null && !saved.isAsking.peek() && await saved.save(name, query)) setName("");
      }}
    >
      <input
        type="text"
        class="text-input"
        aria-label="Name for this filter"
        placeholder="Name for this filter"
        value={given}
        maxLength={VIEW_BOUNDS.name}
        autocomplete="off"
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button
        type="submit"
        class="button button-accent"
        disabled={name === null}
        title={there ? `Replaces ${filterText(there)}` : "Saves the filter and its columns"}
      >
        {there ? "Replace" : "Save"}
      </button>
    </form>
  );
}

/** The filter of a view, as its field shows it. */
function filterText({ query }: SavedView): string {
  const params = new URLSearchParams(query);
  const columns = params.get("fields");
  const text = queryText(params);
  return visibleText(columns === null ? text : `${text} (columns ${columns})`.trim());
}
