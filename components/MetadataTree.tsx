import { useState } from "preact/hooks";
import { visibleText } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { valueChoices } from "../lib/live_tail/value_choices.ts";
import { COLUMN_BOUNDS } from "../lib/field_columns.ts";
import { PATH_BOUNDS, pathText } from "../lib/metadata_path.ts";
import { FilterChoices } from "./FilterChoices.tsx";
import { CopyButton } from "./CopyButton.tsx";

/** The most fields of an object or list that are shown; "Copy JSON" has them all. */
const MOST_FIELDS = 100;

/** Metadata as a tree. What stands in it can be filtered by, copied and made a column. */
export function MetadataTree({ tail, metadata }: { tail: LiveTail; metadata: Record<string, unknown> }) {
  return <Fields tail={tail} value={metadata} path={[]} />;
}

function Fields({ tail, value, path }: { tail: LiveTail; value: object; path: readonly string[] }) {
  const fields = Object.entries(value);
  return (
    <ul class="tree">
      {fields.slice(0, MOST_FIELDS).map(([key, field]) => (
        <li key={key}>
          <Field tail={tail} name={key} value={field} path={[...path, key]} />
        </li>
      ))}
      {fields.length > MOST_FIELDS && (
        <li class="tree-more">and {fields.length - MOST_FIELDS} more, see Copy JSON</li>
      )}
    </ul>
  );
}

type FieldProps = { tail: LiveTail; name: string; value: unknown; path: readonly string[] };

function Field({ tail, name, value, path }: FieldProps) {
  if (typeof value !== "object" || value === null) {
    return <Leaf tail={tail} name={name} value={value} path={path} />;
  }
  const size = Object.keys(value).length;
  if (size === 0 || path.length >= PATH_BOUNDS.keys) {
    return (
      <>
        <span class="tree-key">{visibleText(name)}</span>{" "}
        <span class="tree-value">{visibleText(JSON.stringify(value).slice(0, 1000))}</span>
      </>
    );
  }
  return (
    <details open={path.length < 3}>
      <summary>
        <span class="tree-key">{visibleText(name)}</span>{" "}
        <span class="tree-size">{Array.isArray(value) ? `[${size}]` : `{${size}}`}</span>
      </summary>
      <Fields tail={tail} value={value} path={path} />
    </details>
  );
}

function Leaf({ tail, name, value, path }: FieldProps) {
  const [isOpen, setOpen] = useState(false);
  const text = String(value);
  const written = pathText(path);
  const columns = tail.filter.columns.value;
  const isColumn = columns.includes(written);
  // Null equals nothing, and a path has a bound.
  const hasChoices = value !== null && written.length <= PATH_BOUNDS.characters;
  return (
    <>
      <span class="tree-key">{visibleText(name)}</span>{" "}
      <button
        type="button"
        class={`tree-value json-${
          typeof value === "string" ? "string" : typeof value === "number" ? "number" : "word"
        }`}
        aria-expanded={isOpen}
        title={isOpen ? "Close the choices" : "Filter by it, copy it, make it a column"}
        onClick={() => setOpen(!isOpen)}
      >
        {visibleText(text)}
      </button>
      {isOpen && (
        <span class="tree-choices">
          {hasChoices && (
            <FilterChoices
              filter={tail.filter}
              choices={valueChoices(tail.filter.text.value, `meta.${written}`, text)}
            />
          )}
          <CopyButton text={text} label="Copy" />
          {hasChoices && (isColumn || columns.length < COLUMN_BOUNDS.columns) && (
            <button
              type="button"
              class="link"
              onClick={() =>
                tail.filter.setColumns(
                  isColumn ? columns.filter((column) => column !== written) : [...columns, written],
                )}
            >
              {isColumn ? "No column" : "Show as column"}
            </button>
          )}
        </span>
      )}
    </>
  );
}
